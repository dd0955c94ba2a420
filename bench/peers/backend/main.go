// Command backend is what all proxies of the bench stand before: fast, and an OpenCode server in as far
// as the router asks for one. It serves its working directory on 127.0.0.1 and says when it listens.
package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"strconv"
	"strings"

	"bench/epoll"
)

const (
	small = "0123456789abcdefghijklmnopqrstuvwxyz" // 36 bytes
	event = "data: {\"type\":\"message.part.updated\",\"properties\":{\"text\":\"0123456789abcdefghijklmnopqrstuvwxyz\"}}~\n\n"
)

type server struct {
	fixed    map[string][]byte // whole replies by path
	streams  map[*client]bool
	requests int // that a load generator may have made
	bytes    int // of their bodies
	messages int // of WebSockets
}

type client struct {
	*epoll.Conn
	server *server
	in     []byte // a part of a head or frame
	expect int    // bytes of a body to come
	size   int    // of that body
	sum    uint32
	summed bool
	socket bool // is a WebSocket
}

func reply(kind string, body []byte) []byte {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", kind, len(body))
	return append([]byte(head), body...)
}

func object(value any) []byte {
	text, err := json.Marshal(value)
	epoll.Must(err)
	return reply("application/json", text)
}

func newServer() *server {
	directory, err := os.Getwd()
	epoll.Must(err)
	place := map[string]any{"worktree": directory, "directory": directory}
	return &server{streams: map[*client]bool{}, fixed: map[string][]byte{
		"/global/health":   object(map[string]any{"healthy": true, "version": "1.18.0-bench"}),
		"/path":            object(place),
		"/project/current": object(map[string]any{"id": "global", "worktree": directory, "time": map[string]int{"created": 0}}),
		"/session":         object([]int{}),
		"/session/status":  object(map[string]int{}),
		"/medium":          reply("application/octet-stream", epoll.Block(16<<10)),
		"/large":           reply("application/octet-stream", epoll.Block(10<<20)),
	}}
}

func main() {
	runtime.GOMAXPROCS(1)
	port, err := strconv.Atoi(os.Args[1])
	epoll.Must(err)
	loop, s := epoll.New(), newServer()
	loop.Listen(port, func(conn *epoll.Conn) {
		c := &client{Conn: conn, server: s}
		conn.OnData = c.data
		conn.OnEnd = func() { delete(s.streams, c) }
	})
	fmt.Println("listening", epoll.Now())
	loop.Run()
}

func (c *client) data(data []byte) {
	if c.expect > 0 {
		data = c.body(data)
	}
	if len(c.in) > 0 {
		c.in = append(c.in, data...)
		data = c.in
	}
	for len(data) > 0 {
		var used int
		if c.socket {
			used = c.frame(data)
		} else {
			used = c.request(data)
		}
		if used == 0 {
			break
		}
		data = data[used:]
		if c.expect > 0 {
			data = c.body(data)
		}
	}
	c.in = append(c.in[:0], data...)
}

// request handles one head at the beginning of data and returns its length, or 0 when it is not whole.
func (c *client) request(data []byte) int {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return 0
	}
	head := data[:end]
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, _, _ := bytes.Cut(rest, []byte(" "))
	path, query, _ := bytes.Cut(target, []byte("?"))
	last := strings.EqualFold(field(fields, "connection"), "close")
	if string(method) == "POST" {
		c.upload(fields, string(query))
	} else if last && string(path) == "/small" {
		c.server.requests++
		c.Write(lastReply)
	} else {
		c.get(string(path), head, fields)
	}
	if last {
		c.Shut()
	}
	return end + 4
}

func field(fields []byte, name string) string {
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(string(line[:len(name)]), name) {
			return string(bytes.TrimSpace(line[len(name)+1:]))
		}
	}
	return ""
}

var smallReply = reply("text/plain", []byte(small))
var lastReply = bytes.Replace(smallReply, []byte("\r\n"), []byte("\r\nConnection: close\r\n"), 1)

func (c *client) get(path string, head, fields []byte) {
	if fixed, ok := c.server.fixed[path]; ok {
		if path == "/medium" || path == "/large" {
			c.server.requests++
		}
		c.Write(fixed)
		return
	}
	switch path {
	case "/stats":
		c.Write(object(map[string]int{"requests": c.server.requests, "bytes": c.server.bytes,
			"messages": c.server.messages, "streams": len(c.server.streams)}))
	case "/head":
		c.Write(reply("text/plain", bytes.Clone(head)))
	case "/event":
		c.stream()
	case "/publish":
		c.publish()
	case "/socket":
		c.upgrade(field(fields, "sec-websocket-key"))
	default:
		c.server.requests++
		c.Write(smallReply)
	}
}

func (c *client) upload(fields []byte, query string) {
	size, err := strconv.Atoi(field(fields, "content-length"))
	if err != nil || size == 0 {
		c.Write([]byte("HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n"))
		c.Shut()
		return
	}
	c.expect, c.size, c.sum, c.summed = size, size, 0, query == "sum=1"
}

func (c *client) body(data []byte) []byte {
	part := data[:min(len(data), c.expect)]
	c.expect -= len(part)
	if c.summed {
		c.sum = crc32.Update(c.sum, crc32.IEEETable, part)
	}
	if c.expect == 0 {
		c.server.requests++
		c.server.bytes += c.size
		c.Write(object(map[string]uint32{"received": uint32(c.size), "sum": c.sum}))
	}
	return data[len(part):]
}

var chunk = []byte(fmt.Sprintf("%x\r\n%s\r\n", len(event), event))

func (c *client) stream() {
	c.Write(append([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"+
		"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"), chunk...))
	c.server.streams[c] = true
}

func (c *client) publish() {
	for other := range c.server.streams {
		other.Write(chunk)
	}
	c.Write(object(map[string]int{"streams": len(c.server.streams)}))
}

func (c *client) upgrade(key string) {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	c.socket = true
	c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"))
}

// frame echoes one short masked frame (RFC 6455) and returns its length, or 0 when it is not whole.
func (c *client) frame(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	size := int(data[1] & 0x7f)
	if size > 125 || data[1]&0x80 == 0 || data[0]&0x0f > 2 { // not a short masked message
		c.Close()
		return len(data)
	}
	if len(data) < 6+size {
		return 0
	}
	echo := make([]byte, 2+size)
	echo[0], echo[1] = data[0], byte(size)
	for i := range size {
		echo[2+i] = data[6+i] ^ data[2+i&3]
	}
	c.server.messages++
	c.Write(echo)
	return 6 + size
}
