package box

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/test/testkit"
)

// Dial connects to a server in the box, from within the box's own network: to
// 127.0.0.1:80, say, or with the network "unix" to a path in the box. Addresses are
// numeric; there is no resolver. It may be called from any goroutine, and so can be
// what a testkit.Load connects by.
//
// A socket stays in the network namespace in which it was made, so that is all that has
// to happen inside: the connection is then like any other of this process.
func (b *Box) Dial(network, address string) (net.Conn, error) {
	if network == "unix" {
		path, err := b.inside(address)
		if err != nil {
			return nil, err
		}
		return net.DialTimeout(network, path, testkit.Patience)
	}
	host, _, err := net.SplitHostPort(address)
	if err == nil && net.ParseIP(host) == nil {
		err = fmt.Errorf("%s: not an address in numbers", address)
	}
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	done := make(chan struct{})
	go func() { // a goroutine of its own, for the thread's sake
		defer close(done)
		err = b.inNetwork(func() (err error) {
			// Numeric and of one family, so the net package does it all in this goroutine.
			conn, err = net.DialTimeout(network, address, testkit.Patience)
			return err
		})
	}()
	<-done
	return conn, err
}

// inNetwork calls f with the calling thread in the box's network namespace. The thread
// comes back after it; if it cannot, it stays locked to the goroutine, and ends with it.
func (b *Box) inNetwork(f func() error) error {
	path, err := b.network()
	if err != nil {
		return err
	}
	inside, err := os.Open(path)
	if err != nil {
		return err
	}
	defer inside.Close()
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	if err := unix.Setns(int(inside.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network of box %s: %w", b.Name, err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return fmt.Errorf("leave the network of box %s: %w", b.Name, back)
	}
	runtime.UnlockOSThread()
	return err
}

func (b *Box) network() (string, error) {
	pid, err := b.init()
	return fmt.Sprintf("/proc/%d/ns/net", pid), err
}

func (b *Box) newClient() *http.Client {
	dial := func(_ context.Context, network, address string) (net.Conn, error) { return b.Dial(network, address) }
	return &http.Client{
		Transport: &http.Transport{DialContext: dial, DisableCompression: true},
		Timeout:   2 * testkit.Patience,
	}
}

// Conn connects to a server in the box for a test that sends what it likes; the address is one
// of Dial's, or unix:PATH. The connection is closed when the test ends.
func (b *Box) Conn(address string) *testkit.Conn {
	b.t.Helper()
	c, err := b.Dialer(address)()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	return testkit.NewConn(b.t, c)
}

// Dialer is Dial for one address, host:port or unix:PATH, as testkit.StartLoadOn wants it.
func (b *Box) Dialer(address string) func() (net.Conn, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return func() (net.Conn, error) { return b.Dial("unix", path) }
	}
	return func() (net.Conn, error) { return b.Dial("tcp", address) }
}
