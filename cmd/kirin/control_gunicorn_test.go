package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// framed is a text as a frame of gunicornc.
func framed(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// FuzzFrames: whatever comes, each answer is a whole frame with a status, and the conversation ends.
func FuzzFrames(f *testing.F) {
	f.Add(framed(`{"id":1,"command":"help"}`))
	f.Add(append(framed(`{"id":1,"command":"show","args":["workers"]}`), framed(`{"id":2,"command":"bad"}`)...))
	f.Add([]byte{0, 0xff, 0, 0, '{'})
	f.Add(framed(`{"command":7}`))
	f.Add(framed("null"))
	f.Fuzz(func(t *testing.T, in []byte) {
		conn := &recorder{}
		converseFrames(bufio.NewReader(bytes.NewReader(in)), conn, func(command string) (any, error) {
			if strings.HasPrefix(command, "bad") {
				return nil, errors.New("no\nsuch")
			}
			return map[string]string{"did": command}, nil
		})
		for out := conn.Bytes(); len(out) > 0; {
			n := int(binary.BigEndian.Uint32(out))
			var r frameResponse
			if err := json.Unmarshal(out[4:4+n], &r); err != nil || (r.Status == "ok") != (r.Error == "") || strings.Contains(r.Error, "\n") {
				t.Fatalf("%q: %v", out, err)
			}
			out = out[4+n:]
		}
	})
}

// recorder is a connection that keeps what is written.
type recorder struct {
	net.Conn
	bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) { return r.Buffer.Write(b) }
func (r *recorder) Read(b []byte) (int, error)  { return r.Buffer.Read(b) }

// TestPlaceForControl: a path that something else has is refused, what a dead server has left is not.
func TestPlaceForControl(t *testing.T) {
	dir := t.TempDir()
	file, sock, left := filepath.Join(dir, "file"), filepath.Join(dir, "sock"), filepath.Join(dir, "left")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{sock, left} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if path == left {
			l.SetUnlinkOnClose(false)
			l.Close()
		}
	}
	for _, c := range []struct {
		path        string
		predecessor bool
		want        string
	}{
		{file, false, "is there, and no socket"},
		{sock, false, "another server listens at " + sock},
		{sock, true, ""},
		{left, false, ""},
		{filepath.Join(dir, "new", "ctl"), false, ""},
		{filepath.Join(file, "ctl"), false, "not a directory"},
	} {
		err := placeForControl(c.path, c.predecessor)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.path, err, c.want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "new")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info, err)
	}
}
