package front

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

// growing runs a test of a time-out with a longer one each time, until what has to be done within it is done in time, however busy the
// machine is. What comes of each of them is no lack of time, and neither is a wait in vain.
func growing(t *testing.T, run func(limit time.Duration) error) {
	t.Helper()
	for limit := 50 * time.Millisecond; ; limit *= 4 {
		err := run(limit)
		switch {
		case err == nil:
			return
		case limit > patience || errors.Is(err, os.ErrDeadlineExceeded):
			t.Fatalf("with a limit of %v: %v", limit, err)
		}
		t.Logf("with a limit of %v: %v: trying a longer one", limit, err)
	}
}

// try sends text and gives what comes until the connection ends.
func (c *client) try(text string) (rest string, err error) {
	if text != "" {
		if _, err := io.WriteString(c.Conn, text); err != nil {
			return "", err
		}
	}
	b, err := io.ReadAll(c.r)
	return string(b), err
}

// tryAnswer sends text, and checks the response to it.
func (c *client) tryAnswer(text string, status int, body string) error {
	if _, err := io.WriteString(c.Conn, text); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if resp.StatusCode != status || body != "*" && string(got) != body || err != nil {
		return errors.Join(fmt.Errorf("answered %d %.200q, want %d %.200q", resp.StatusCode, got, status, body), err)
	}
	return nil
}

// tryEnd is wantEnd.
func (c *client) tryEnd(text string) error {
	if rest, err := c.try(text); rest != "" || err != nil && !isReset(err) {
		return errors.Join(fmt.Errorf("the connection went on: %q", rest), err)
	}
	return nil
}
