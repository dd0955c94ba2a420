package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"

	"bench/epoll"
)

const mark = '~' // ends each event of the backend, and is nowhere else in the stream

// streams opens event streams, some at a time, and calls each for the number of events that came.
func (o *options) streams(loop *epoll.Loop, each func(int), failed func(string)) {
	opened, begun := 0, 0
	var next func()
	next = func() {
		if begun++; begun > o.connections {
			return
		}
		conn, err := loop.Dial(o.port)
		epoll.Must(err)
		first := []byte{}
		head := true
		conn.OnEnd = func() { failed(fmt.Sprintf("stream %d of %d was closed", opened, o.connections)) }
		conn.OnData = func(data []byte) {
			count := bytes.Count(data, []byte{mark})
			if head {
				first = append(first, data...)
				if !bytes.HasPrefix(first, []byte("HTTP/1.1 200")) {
					failed(string(first[:min(len(first), 40)]))
					return
				}
				if head = count == 0; !head {
					opened++
					next()
				}
			}
			if count > 0 {
				each(count)
			}
		}
		conn.Write(o.get("/event"))
	}
	for range 16 {
		next()
	}
}

// events has the backend send an event to all streams; when it has come on all of them, again.
func events(o *options) map[string]any {
	loop, why := epoll.New(), ""
	fail := func(reason string) { why, loop.Done = reason, true }
	publisher, err := loop.Dial(o.backend)
	epoll.Must(err)
	publisher.OnData = func([]byte) {}
	publisher.OnEnd = func() { fail("the backend closed the connection") }
	publish := []byte("GET /publish HTTP/1.1\r\nHost: backend\r\n\r\n")
	var begin int64
	missing, total := o.connections, 0
	o.streams(loop, func(count int) {
		if missing -= count; missing > 0 {
			return
		}
		if begin == 0 { // the event that each stream begins with
			begin = epoll.Now()
			started()
		} else {
			total += o.connections
		}
		if epoll.Now()-begin > o.nanoseconds() {
			loop.Done = true
			return
		}
		missing = o.connections
		publisher.Write(publish)
	}, fail)
	loop.Run()
	return map[string]any{"count": total, "seconds": seconds(epoll.Now() - begin), "error": why}
}

// idle opens the streams and holds them until standard input ends.
func idle(o *options) map[string]any {
	loop, why, count := epoll.New(), "", 0
	o.streams(loop, func(events int) {
		if count += events; count == o.connections {
			started()
			go func() {
				_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
				os.Exit(0)
			}()
		}
	}, func(reason string) { why, loop.Done = reason, true })
	loop.Run()
	return map[string]any{"count": count, "seconds": 0, "error": why}
}

// sockets sends a message over each WebSocket; when its echo has come, again.
func sockets(o *options) map[string]any {
	loop, why, count := epoll.New(), "", 0
	fail := func(reason string) { why, loop.Done = reason, true }
	text := epoll.Block(64)
	frame := append([]byte{0x82, 0x80 | 64, 0, 0, 0, 0}, text...) // masked by zeros
	echo := append([]byte{0x82, 64}, text...)
	var begin int64
	open := 0
	var conns []*epoll.Conn
	for range o.connections {
		conn, err := loop.Dial(o.port)
		epoll.Must(err)
		conns = append(conns, conn)
		var in []byte
		upgraded := false
		conn.OnEnd = func() { fail("a WebSocket was closed") }
		conn.OnData = func(data []byte) {
			in = append(in, data...)
			if !upgraded {
				if bytes.Contains(in, []byte("\r\n\r\n")) {
					upgraded, in = bytes.HasPrefix(in, []byte("HTTP/1.1 101")), in[:0]
					if !upgraded {
						fail("no upgrade")
					} else if open++; open == o.connections {
						begin = epoll.Now()
						started()
						for _, conn := range conns {
							conn.Write(frame)
						}
					}
				}
				return
			}
			if len(in) < len(echo) {
				return
			}
			if !bytes.Equal(in, echo) {
				fail("a wrong echo")
				return
			}
			in = in[:0]
			count++
			if epoll.Now()-begin < o.nanoseconds() {
				conn.Write(frame)
			} else {
				loop.Done = true
			}
		}
		conn.Write([]byte(fmt.Sprintf("GET /socket HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", o.host, o.port)))
	}
	loop.Run()
	return map[string]any{"count": count, "seconds": seconds(epoll.Now() - begin), "error": why}
}
