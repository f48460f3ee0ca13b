package move

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/kirin-server/kirin/internal/config"
)

// composeService is as much of a service as says how Gunicorn is started.
type composeService struct {
	Command, Entrypoint  []string
	Environment, EnvFile []string
	WorkingDir, User     string
	Ports                []string
	Depends              bool
	StopGrace            string
}

// Compose takes the one service of a compose file in that starts Gunicorn.
func (im *Importer) Compose(ctx context.Context, p *Plan, file string) error {
	text, err := im.read(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	vars := im.dotEnv(path.Join(path.Dir(file), ".env"), file)
	services, err := readCompose(string(text), vars)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	name, service, err := gunicornService(services)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	p.sources = append(p.sources, file)
	p.read(im.Root, file)
	p.read(im.Root, path.Join(path.Dir(file), ".env"))
	return im.service(ctx, p, file, name, service)
}

// readCompose reads the text, with the variables in every value put in.
func readCompose(text string, vars []string) (map[string]composeService, error) {
	var root any
	if err := yaml.UnmarshalWithOptions([]byte(text), &root, yaml.UseOrderedMap()); err != nil {
		return nil, fmt.Errorf("it is no YAML: %s", strings.ReplaceAll(yaml.FormatError(err, false, false), "\n", " "))
	}
	root, err := interpolateAll(root, vars)
	if err != nil {
		return nil, err
	}
	services := map[string]composeService{}
	for _, item := range mapping(entry(root, "services")) {
		s, err := readService(item.Value)
		if err != nil {
			return nil, fmt.Errorf("the service %v: %w", item.Key, err)
		}
		services[fmt.Sprint(item.Key)] = s
	}
	return services, nil
}

// interpolateAll puts the variables in, in every text.
func interpolateAll(v any, vars []string) (_ any, err error) {
	switch v := v.(type) {
	case string:
		return interpolate(v, func(name string) (string, bool) { return config.LookupIn(vars, name) })
	case []any:
		for i := range v {
			if v[i], err = interpolateAll(v[i], vars); err != nil {
				return nil, err
			}
		}
	case yaml.MapSlice:
		for i := range v {
			if v[i].Value, err = interpolateAll(v[i].Value, vars); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// mapping is v as a mapping; empty when it is none.
func mapping(v any) yaml.MapSlice {
	m, _ := v.(yaml.MapSlice)
	return m
}

// entry is that of a mapping by its key, or nil.
func entry(v any, key string) any {
	for _, item := range mapping(v) {
		if item.Key == key {
			return item.Value
		}
	}
	return nil
}

// text is a scalar as it was written, empty for none.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func readService(v any) (s composeService, err error) {
	if s.Command, err = wordList(entry(v, "command")); err != nil {
		return s, fmt.Errorf("command: %w", err)
	}
	if s.Entrypoint, err = wordList(entry(v, "entrypoint")); err != nil {
		return s, fmt.Errorf("entrypoint: %w", err)
	}
	s.Environment = texts(entry(v, "environment"))
	s.EnvFile, s.Ports = texts(entry(v, "env_file")), texts(entry(v, "ports"))
	s.WorkingDir, s.User = text(entry(v, "working_dir")), text(entry(v, "user"))
	s.Depends, s.StopGrace = entry(v, "depends_on") != nil, text(entry(v, "stop_grace_period"))
	return s, nil
}

// wordList is a list, or a text of words.
func wordList(v any) ([]string, error) {
	if line, ok := v.(string); ok {
		return config.ShellWords(line)
	}
	return texts(v), nil
}

// texts are the items of a list, NAME=VALUE of a mapping, or the one text. Of an item that is a mapping, it is the path or the published port.
func texts(v any) (all []string) {
	switch v := v.(type) {
	case nil:
	case []any:
		for _, item := range v {
			if path := entry(item, "path"); path != nil {
				item = path
			} else if port := entry(item, "published"); port != nil {
				item = port
			}
			all = append(all, text(item))
		}
	case yaml.MapSlice:
		for _, item := range v {
			all = append(all, text(item.Key)+"="+text(item.Value))
		}
	default:
		all = []string{text(v)}
	}
	return all
}

func gunicornService(services map[string]composeService) (string, composeService, error) {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(services)) {
		s := services[name]
		if _, ok := startOf(append(slices.Clone(s.Entrypoint), s.Command...), nil); ok {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return "", composeService{}, errors.New("no service has a command: that starts Gunicorn; give the one of the Dockerfile with --command")
	case 1:
		return found[0], services[found[0]], nil
	}
	return "", composeService{}, fmt.Errorf("the services %s start Gunicorn: give the command line of one with --command", strings.Join(found, ", "))
}

func (im *Importer) service(ctx context.Context, p *Plan, file, name string, s composeService) error {
	from := path.Base(file) + ": " + name
	c := Command{From: from + ": command", Words: append(slices.Clone(s.Entrypoint), s.Command...), Dir: s.WorkingDir, By: []string{path.Join("/", im.Root, file)}}
	c.User, c.Group, _ = strings.Cut(s.User, ":")
	for _, f := range s.EnvFile {
		c.Env = append(c.Env, im.dotEnv(path.Join(path.Dir(file), f), file)...)
		p.add("Worker", "EnvironmentFile", config.QuoteUnit(path.Join(path.Dir(file), f)), from+": env_file")
	}
	c.Env = append(c.Env, s.Environment...)
	for _, pair := range s.Environment {
		p.environment(pair, from+": environment")
	}
	if err := im.command(ctx, p, c); err != nil {
		return err
	}
	if s.User != "" {
		user, group, _ := strings.Cut(s.User, ":")
		p.set("App", "User", from+": user", user)
		if group != "" {
			p.set("App", "Group", from+": user", group)
		}
	}
	if s.WorkingDir == "" {
		p.leave(from, "working_dir is that of the image: set Directory= to where the application is on this machine")
	}
	for _, port := range s.Ports {
		p.leave(from, "ports: %s: Bind= is what the machine listens on", port)
	}
	if s.Depends {
		p.leave(from, "depends_on: write After= in [Worker] for what runs on this machine")
	}
	if s.StopGrace != "" {
		p.leave(from, "stop_grace_period: %s: GracefulTimeout= is the time to finish", s.StopGrace)
	}
	return nil
}

// dotEnv reads a file of NAME=VALUE lines that another one names; there is nothing in one that cannot be read.
func (im *Importer) dotEnv(file, by string) (env []string) {
	text, err := im.read(file, by)
	if err != nil {
		return nil
	}
	for text := range strings.Lines(string(text)) {
		text = strings.TrimPrefix(strings.TrimSpace(text), "export ")
		name, value, ok := strings.Cut(text, "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		env = append(env, strings.TrimSpace(name)+"="+value)
	}
	return env
}
