package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kirin-server/kirin/activation"
)

// drainTime is how long idle connections are left alone at the end, so that a request that is on its way is still answered.
const drainTime = time.Second

// finish ends what is under way: accepting, connections, requests, workers. When ctx ends first, it cuts what is left.
func (s *server) finish(ctx context.Context) {
	s.engine.StopAccepting()
	s.pool.Hurry()
	if !s.sleeps() { // else no request is on its way
		short, cancel := context.WithTimeout(ctx, drainTime)
		defer cancel()
		s.engine.Drain(short)
	}
	if err := s.engine.Shutdown(ctx); err != nil {
		s.log.Warn(fmt.Sprintf("connections were cut: %v", err))
	}
	if err := s.pool.Shutdown(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn(err.Error())
	}
	s.dirty.stop(ctx)
}

// release gives up whatever start has brought up, as far as it came.
func (s *server) release() {
	if s.pool != nil {
		s.pool.Close()
	}
	if s.loops != nil {
		s.loops.Close()
	}
	if s.crew != nil {
		s.crew.close()
	}
	s.dirty.kill()
	s.hooks.end()
	if s.sockets != nil {
		s.sockets.close()
	}
	if s.front != nil {
		s.front.Close()
	}
	s.end()
	if s.control != nil {
		s.control.close()
	}
	s.telling.Wait()
	s.wg.Wait()
	if s.current != nil {
		s.current.Close()
	}
	s.pidfile.remove()
	if s.logs != nil {
		s.logs.close()
	}
	if !s.keeps {
		s.monitor.close()
	}
}

// stop ends the server: gracefully until ctx ends.
func (s *server) stop(ctx context.Context) {
	s.finish(ctx)
	s.log.Info("Shutting down: kirin")
	s.release()
}

// passOn sends the signals to the successor that came while it took over. It reports whether one of them is to end it: systemd has
// told us to, because it did not know of the successor, and kills that when we end.
func passOn(signals chan os.Signal, pid int) (ended bool) {
	for {
		select {
		case sig := <-signals:
			_ = syscall.Kill(pid, sig.(syscall.Signal)) // one that is gone needs none
			ended = ended || ends(sig)
		default:
			return ended
		}
	}
}

// settled passes on what has come for the successor, and tells it whether the service manager follows it. What is sent from now on goes to the
// successor anyway; so it has to be certain that nothing sent before is still on its way to us. It reports whether the manager does not.
func (s *server) settled(ctx context.Context, signals chan os.Signal, successor *activation.Successor) (stay bool) {
	if err := activation.FlushSignals(ctx); err != nil {
		s.log.Warn(fmt.Sprintf("a signal may be missed: %v", err))
	}
	tell := successor.Follow
	if stay = passOn(signals, successor.PID); stay {
		tell = successor.Stay
	}
	if err := tell(); err != nil {
		s.log.Warn(fmt.Sprintf("the successor cannot be told whether it is followed: %v", err))
	}
	return stay
}

// handOver starts the installed program again, gives it the sockets, and ends this process's own work. It reports whether that
// was done, and the status to exit with.
func (s *server) handOver(ctx context.Context, signals chan os.Signal) (done bool, exit int) {
	s.log.Info("handing over to a new process")
	s.hooks.call(ctx, "pre_exec", hookCall{})
	follows := s.notify.Socket == "" // somebody may follow our pid: stay in its place
	starting, stopped := endedBySignal(ctx, signals)
	successor, err := s.handover.Start(starting, activation.StartOptions{Sockets: s.sockets.all(), Keep: follows, Sibling: !follows, Spawner: s.monitor.spawner()})
	ended := stopped()
	if err != nil {
		if !ended {
			s.log.Error("hand-over failed: " + err.Error() + ": this process serves on")
		}
		s.tellCurious(answer{Error: err.Error()})
		return false, 0
	}
	if follows {
		signal.Stop(signals) // the keeper passes them on
	}
	s.log.Info(fmt.Sprintf("process %d has taken over", successor.PID), "MESSAGE_ID", "upgraded")
	s.hush()
	s.tell(s.notify.MainPID(successor.PID))
	s.tell(s.notify.Barrier(ctx)) // or systemd would not know whose message it was when we have ended
	stay := s.settled(ctx, signals, successor) && !follows
	s.tellCurious(answer{Done: true, Pid: successor.PID})
	s.sockets.handedOver()
	kept := s.pidfile // names us: the keeper's, or the successor's by now
	s.pidfile = nil
	s.keeps = kept != nil && follows // and so removes it at the end
	drained := make(chan struct{})
	go func() { // Keep waits for it, or we do
		defer close(drained)
		ctx, cancel := context.WithTimeout(context.Background(), max(s.config().GracefulTimeout, drainTime))
		defer cancel()
		s.stop(ctx)
	}()
	if !follows {
		<-drained
		if stay {
			_ = successor.Release() // it waits for us, too
			successor.Wait()
		}
		return true, 0
	}
	code, err := s.handover.Keep(ctx, successor, activation.KeepOptions{Drained: drained})
	if err != nil {
		fmt.Fprintf(os.Stderr, "kirin: error: %v\n", err)
	}
	kept.remove()
	s.monitor.close()
	return true, code
}
