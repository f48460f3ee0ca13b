// Command goworker is a Go service as a worker of kirin: the front keeps clients, the queue and the sockets, systemd starts it, watches
// over it and replaces it without a lost request. goworker.conf beside it is its application file.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/kirin-server/kirin/workers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello from Go, %s! (pid %d)\n", r.RemoteAddr, os.Getpid())
	})
	if err := workers.Serve(ctx, http.DefaultServeMux); err != nil {
		log.Fatal(err)
	}
}
