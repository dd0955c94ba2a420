// Command load makes the load that wrk cannot, checks every answer, and prints one JSON object. Where
// connections have to be opened first, it prints "started" when all are.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"

	"bench/epoll"
)

type options struct {
	host                             string
	port, backend, connections, rate int
	seconds                          float64
}

func (o *options) nanoseconds() int64 { return int64(o.seconds * 1e9) }

func started() { fmt.Println("started") }

func main() {
	runtime.GOMAXPROCS(1)
	var o options
	flag.StringVar(&o.host, "host", "", "name in the Host field")
	flag.IntVar(&o.port, "port", 0, "of the proxy")
	flag.IntVar(&o.backend, "backend", 0, "port of the backend")
	flag.IntVar(&o.connections, "connections", 1, "at once")
	flag.IntVar(&o.rate, "rate", 200, "requests a second (latency)")
	flag.Float64Var(&o.seconds, "seconds", 1, "how long")
	flag.Parse()
	kinds := map[string]func(*options) map[string]any{
		"download": func(o *options) map[string]any { return bulk(o, false) },
		"upload":   func(o *options) map[string]any { return bulk(o, true) },
		"latency":  latency,
		"events":   events,
		"idle":     idle,
		"sockets":  sockets,
	}
	kind, ok := kinds[flag.Arg(0)]
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: load [options] download|upload|latency|events|idle|sockets")
		os.Exit(2)
	}
	epoll.Must(json.NewEncoder(os.Stdout).Encode(kind(&o)))
}
