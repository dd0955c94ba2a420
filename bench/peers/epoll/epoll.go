// Package epoll is a single-threaded event loop over raw system calls (Linux): what backend and load
// generator cost must be little beside the proxy between them.
package epoll

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Conn is one connection of a Loop.
type Conn struct {
	loop   *Loop
	fd     int
	out    [][]byte // not written yet
	armed  bool     // EPOLLOUT is asked for
	shut   bool     // close when all is written
	OnData func([]byte)
	OnEnd  func()
}

// Loop runs connections, listeners and one timer.
type Loop struct {
	fd    int
	conns []*Conn        // by file descriptor
	ready map[int]func() // listeners and the timer, by file descriptor
	buf   []byte
	Done  bool
}

// New returns a loop without connections.
func New() *Loop {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	Must(err)
	return &Loop{fd: fd, ready: map[int]func(){}, buf: make([]byte, 256<<10)}
}

// Must ends the program for an error that has no remedy.
func Must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func address(port int) *syscall.SockaddrInet4 {
	return &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}

func socket() int {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	Must(err)
	return fd
}

// Listen accepts connections on 127.0.0.1.
func (l *Loop) Listen(port int, accept func(*Conn)) {
	fd := socket()
	Must(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	Must(syscall.Bind(fd, address(port)))
	Must(syscall.Listen(fd, 4096))
	Must(syscall.SetNonblock(fd, true))
	l.watch(fd, func() {
		for {
			peer, _, err := syscall.Accept4(fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
			if err != nil {
				return
			}
			accept(l.add(peer))
		}
	})
}

// Dial connects to 127.0.0.1, waiting for it.
func (l *Loop) Dial(port int) (*Conn, error) {
	fd := socket()
	if err := syscall.Connect(fd, address(port)); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	Must(syscall.SetNonblock(fd, true))
	return l.add(fd), nil
}

// Every calls f each interval nanoseconds, by the kernel's own clock.
func (l *Loop) Every(interval int64, f func()) {
	const monotonic = 1
	fd, _, no := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, monotonic, syscall.O_NONBLOCK, 0)
	if no != 0 {
		Must(no)
	}
	spec := [2]syscall.Timespec{syscall.NsecToTimespec(interval), syscall.NsecToTimespec(interval)}
	_, _, no = syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if no != 0 {
		Must(no)
	}
	var count [8]byte
	l.watch(int(fd), func() {
		n, _ := syscall.Read(int(fd), count[:])
		if n == 8 {
			for range int(*(*uint64)(unsafe.Pointer(&count))) {
				f()
			}
		}
	})
}

func (l *Loop) watch(fd int, f func()) {
	l.ready[fd] = f
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
	Must(syscall.EpollCtl(l.fd, syscall.EPOLL_CTL_ADD, fd, &event))
}

func (l *Loop) add(fd int) *Conn {
	Must(syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
	for len(l.conns) <= fd {
		l.conns = append(l.conns, nil)
	}
	conn := &Conn{loop: l, fd: fd, OnEnd: func() {}}
	l.conns[fd] = conn
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
	Must(syscall.EpollCtl(l.fd, syscall.EPOLL_CTL_ADD, fd, &event))
	return conn
}

// Run handles what happens until Done.
func (l *Loop) Run() {
	events := make([]syscall.EpollEvent, 512)
	for !l.Done {
		n, err := syscall.EpollWait(l.fd, events, -1)
		if err == syscall.EINTR {
			continue
		}
		Must(err)
		for _, event := range events[:n] {
			l.handle(int(event.Fd), event.Events)
		}
	}
}

func (l *Loop) handle(fd int, events uint32) {
	if f := l.ready[fd]; f != nil {
		f()
		return
	}
	conn := l.conns[fd]
	if conn == nil {
		return
	}
	if events&syscall.EPOLLOUT != 0 {
		conn.flush()
	}
	if events&^syscall.EPOLLOUT == 0 || l.conns[fd] != conn {
		return
	}
	n, _, no := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&l.buf[0])), uintptr(len(l.buf)))
	switch {
	case no == syscall.EAGAIN || no == syscall.EINTR:
	case no != 0 || n == 0:
		conn.Close()
	default:
		conn.OnData(l.buf[:n])
	}
}

// Write sends data, later if need be: it must not be changed until then.
func (c *Conn) Write(data []byte) {
	c.out = append(c.out, data)
	if len(c.out) == 1 {
		c.flush()
	}
}

// Shut closes the connection when all is written.
func (c *Conn) Shut() {
	c.shut = true
	c.flush()
}

// Close ends the connection.
func (c *Conn) Close() {
	if c.loop.conns[c.fd] == c {
		c.loop.conns[c.fd] = nil
		syscall.Close(c.fd)
		c.OnEnd()
	}
}

func (c *Conn) flush() {
	for len(c.out) > 0 {
		data := c.out[0]
		n, _, no := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)))
		if no == syscall.EAGAIN {
			c.arm(true)
			return
		}
		if no != 0 && no != syscall.EINTR {
			c.out = nil
			c.Close()
			return
		}
		if no == 0 && int(n) == len(data) {
			c.out = c.out[1:]
		} else if no == 0 {
			c.out[0] = data[n:]
		}
	}
	c.out = c.out[:0]
	c.arm(false)
	if c.shut {
		c.Close()
	}
}

func (c *Conn) arm(on bool) {
	if on == c.armed || c.loop.conns[c.fd] != c {
		return
	}
	c.armed = on
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}
	if on {
		event.Events |= syscall.EPOLLOUT
	}
	Must(syscall.EpollCtl(c.loop.fd, syscall.EPOLL_CTL_MOD, c.fd, &event))
}

// Now returns CLOCK_MONOTONIC in nanoseconds.
func Now() int64 {
	var now syscall.Timespec
	const monotonic = 1
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

// Block returns size bytes that do not repeat where a buffer might end.
func Block(size int) []byte {
	block := make([]byte, size)
	for i := range block {
		block[i] = byte('!' + (i+i/8191)%89)
	}
	return block
}
