// Command kirin serves Python web applications. "kirin run" does so in the foreground, with Gunicorn's command line.
//
// Each file holds one subcommand. Results go to standard output; messages go to standard error, with "kirin: error:"
// before what went wrong and "kirin: hint:" before what mends it.
package main

import (
	"context"
	"os"

	"github.com/kirin-server/kirin/internal/config"
)

func main() {
	if runsAsGenerator() {
		os.Exit(generate(context.Background(), os.Args[1:], config.AppOptions{}, generatorLog()))
	}
	os.Exit(execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
