// Command reverseproxy is the smallest proxy that net/http makes: one host name, one backend.
//
//	reverseproxy original|tuned LISTEN-PORT HOST BACKEND-PORT
//
// `original` has http.DefaultTransport's settings (2 idle connections a host), `tuned` keeps them all
// and reuses its buffers.
package main

import (
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
)

type buffers struct{ sync.Pool }

func (b *buffers) Get() []byte     { return b.Pool.Get().([]byte) }
func (b *buffers) Put(data []byte) { b.Pool.Put(data) }

func main() {
	mode, port, name, backend := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	target := &url.URL{Scheme: "http", Host: "127.0.0.1:" + backend}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}}
	if mode == "tuned" {
		transport.MaxIdleConns = 0
		transport.MaxIdleConnsPerHost = 10000
		transport.DisableCompression = true
		proxy.BufferPool = &buffers{sync.Pool{New: func() any { return make([]byte, 32<<10) }}}
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if host != name {
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, handler))
}
