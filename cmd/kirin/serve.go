package main

import (
	"context"
	"errors"

	"github.com/kirin-server/kirin/internal/config"
)

// serve serves the application until a signal ends it. load reads every source of the configuration again.
func serve(_ context.Context, _ func(context.Context) (*config.Config, error), _ *config.Config) error {
	return errors.New("serving is not implemented yet")
}
