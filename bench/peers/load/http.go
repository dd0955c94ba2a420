package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"bench/epoll"
)

const large = 10 << 20

// exchange asks the same over one connection, again and again, and checks each answer wholly.
type exchange struct {
	*epoll.Conn
	request [][]byte
	want    []byte
	head    []byte
	got     int // bytes of the body; -1 while the head is not whole
	sent    int64
	done    func(nanoseconds int64)
	failed  func(why string)
}

func (o *options) get(target string) []byte {
	return []byte(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s:%d\r\n\r\n", target, o.host, o.port))
}

func (o *options) post(target string, size int) []byte {
	return []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Length: %d\r\n\r\n", target, o.host, o.port, size))
}

func (o *options) exchange(loop *epoll.Loop, request [][]byte, want []byte) *exchange {
	conn, err := loop.Dial(o.port)
	epoll.Must(err)
	x := &exchange{Conn: conn, request: request, want: want}
	conn.OnData = x.data
	conn.OnEnd = func() { x.failed("the connection was closed") }
	return x
}

func (x *exchange) start() {
	x.got, x.head, x.sent = -1, x.head[:0], epoll.Now()
	for _, part := range x.request {
		x.Write(part)
	}
}

func (x *exchange) data(data []byte) {
	if x.got < 0 {
		x.head = append(x.head, data...)
		end := bytes.Index(x.head, []byte("\r\n\r\n"))
		if end < 0 {
			return
		}
		if why := x.judge(x.head[:end]); why != "" {
			x.failed(why)
			return
		}
		x.got, data = 0, x.head[end+4:]
	}
	if len(data) > len(x.want)-x.got || !bytes.Equal(data, x.want[x.got:x.got+len(data)]) {
		x.failed("a wrong body")
		return
	}
	x.got += len(data)
	if x.got == len(x.want) {
		x.done(epoll.Now() - x.sent)
	}
}

func (x *exchange) judge(head []byte) string {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return string(line)
	}
	length := fmt.Sprintf("\r\ncontent-length: %d", len(x.want))
	if !bytes.Contains(bytes.ToLower(head), []byte(length)) {
		return "no " + length[2:]
	}
	return ""
}

// bulk moves 10 MB bodies for some seconds; what is under way then is finished, and counts.
func bulk(o *options, upload bool) map[string]any {
	loop := epoll.New()
	block := epoll.Block(large)
	request, want := [][]byte{o.get("/large")}, block
	if upload {
		request = [][]byte{o.post("/sink", large), block}
		want = []byte(fmt.Sprintf(`{"received":%d,"sum":0}`, large))
	}
	begin, count, busy, why := epoll.Now(), 0, o.connections, ""
	for range o.connections {
		x := o.exchange(loop, request, want)
		x.failed = func(reason string) { why, loop.Done = reason, true }
		x.done = func(int64) {
			count++
			if epoll.Now()-begin < o.nanoseconds() {
				x.start()
			} else if busy--; busy == 0 {
				loop.Done = true
			}
		}
		x.start()
	}
	loop.Run()
	return map[string]any{"count": count, "seconds": seconds(epoll.Now() - begin), "error": why}
}

// latency asks at a fixed rate, whether or not earlier answers have come.
func latency(o *options) map[string]any {
	loop, request := epoll.New(), [][]byte{o.get("/small")}
	want := []byte("0123456789abcdefghijklmnopqrstuvwxyz")
	var idle []*exchange
	var took []int64
	why, begin := "", epoll.Now()
	connect := func() *exchange {
		x := o.exchange(loop, request, want)
		x.failed = func(reason string) { why, loop.Done = reason, true }
		x.done = func(nanoseconds int64) {
			took = append(took, nanoseconds)
			idle = append(idle, x)
		}
		return x
	}
	for range o.connections {
		idle = append(idle, connect())
	}
	loop.Every(int64(1e9)/int64(o.rate), func() {
		if epoll.Now()-begin > o.nanoseconds() {
			loop.Done = true
			return
		}
		if len(idle) == 0 {
			idle = append(idle, connect())
		}
		x := idle[0]
		idle = idle[1:]
		x.start()
	})
	loop.Run()
	slices.Sort(took)
	return map[string]any{"count": len(took), "seconds": seconds(epoll.Now() - begin), "error": why,
		"p50": quantile(took, 0.50), "p99": quantile(took, 0.99)}
}

func quantile(sorted []int64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return seconds(sorted[min(len(sorted)-1, int(share*float64(len(sorted))))])
}

func seconds(nanoseconds int64) float64 {
	value, _ := strconv.ParseFloat(fmt.Sprintf("%.9f", float64(nanoseconds)/1e9), 64)
	return value
}
