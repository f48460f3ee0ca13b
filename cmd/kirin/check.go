package main

import (
	"context"

	"github.com/kirin-server/kirin/internal/config"
)

// checkApplication starts one worker, just as serve would, to see that the application loads, and ends it. It binds
// nothing and writes no file.
func checkApplication(ctx context.Context, cfg *config.Config) error {
	one := *cfg
	one.Workers, one.Reload = 1, false
	one.AccessLog, one.ErrorLog, one.LogLevel, one.CaptureOutput = "", "-", "critical", false
	s := newServer(&one, newOwnCrew)
	defer s.release()
	if err := s.openLogs(ctx, &one); err != nil {
		return err
	}
	return s.startWorkers(ctx, &one)
}
