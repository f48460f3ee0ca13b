package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/rights"
)

// configSource is the places that the configuration of kirin run comes from, and what its file held when it was last read.
type configSource struct {
	options *config.Args
	dir     string // where kirin was started, as the user meant it ($PWD): a link may lead to another release at a reload
	last    config.FileRead
	as      *rights.User // who has run the file; nil: we have, or there was none
	named   named        // by a predecessor's monitor; nil: somebody has started us, and no predecessor
}

// named is, by what is to be done, the files and addresses that a monitor does it with.
type named map[string]map[string]bool

// envNamed hands a monitor's list to the successor of its front.
const envNamed = "KIRIN_NAMED"

// newConfigSource takes the list of a predecessor's monitor, if there is one.
func newConfigSource(options *config.Args) (*configSource, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("the working directory cannot be told: %w", err)
	}
	c := &configSource{options: options, dir: dir}
	if text, ok := os.LookupEnv(envNamed); ok {
		_ = os.Unsetenv(envNamed)
		c.named = named{}
		_ = json.Unmarshal([]byte(text), &c.named) // a monitor has written it; what cannot be read is not named
	}
	return c, nil
}

// trusted says whether root is to do what the last configuration names. Somebody who starts kirin as root wants that. Later, when the front asks
// for it, or a worker has sent SIGUSR2, the user who has run the file may have a hand in what it says, and only what root has run counts.
func (c *configSource) trusted() bool { return c.named == nil || c.as == nil }

// heir says whether this process was started by a monitor, for a front that has given root up.
func (c *configSource) heir() bool { return c != nil && c.named != nil }

// load reads all of them.
func (c *configSource) load(ctx context.Context) (*config.Config, error) {
	c.last, c.as = config.FileRead{}, nil
	return config.Load(ctx, config.Inputs{Args: c.options, Dir: c.dir, Evaluate: c.evaluate})
}

func (c *configSource) evaluate(ctx context.Context, spec config.FileSpec) (result *config.FileResult, err error) {
	result, c.as, err = evaluateAs(ctx, spec)
	c.last = config.FileRead{Name: spec.Name(), Result: result}
	return result, err
}

// take makes a configuration with what another process has read of the file.
func (c *configSource) take(ctx context.Context, read config.FileRead) (*config.Config, error) {
	return config.Load(ctx, config.Inputs{Args: c.options, Dir: c.dir, Read: &read})
}

// withoutFile makes one without the file, which may have been what names the application.
func (c *configSource) withoutFile(ctx context.Context) (*config.Config, error) {
	options := *c.options
	if len(options.App) == 0 {
		options.App = []string{"none:none"}
	}
	return config.Load(ctx, config.Inputs{Args: &options, Dir: c.dir, Read: &config.FileRead{}})
}
