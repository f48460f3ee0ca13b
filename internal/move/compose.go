package move

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kirin-server/kirin/internal/config"
)

// composeFile is as much of a compose file as says how Gunicorn is started.
type composeFile struct {
	Services map[string]composeService `yaml:"services"`
}

type composeService struct {
	Command     wordList `yaml:"command"`
	Entrypoint  wordList `yaml:"entrypoint"`
	Environment pairs    `yaml:"environment"`
	EnvFile     envFiles `yaml:"env_file"`
	WorkingDir  string   `yaml:"working_dir"`
	User        string   `yaml:"user"`
	Ports       []any    `yaml:"ports"`
	DependsOn   any      `yaml:"depends_on"`
	StopGrace   string   `yaml:"stop_grace_period"`
}

// Compose takes the one service of a compose file in that starts Gunicorn.
func (im *Importer) Compose(ctx context.Context, p *Plan, file string) error {
	text, err := os.ReadFile(path.Join(im.Root, file))
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	vars := im.dotEnv(path.Join(path.Dir(file), ".env"))
	services, err := readCompose(string(text), vars)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	name, service, err := gunicornService(services)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	p.sources = append(p.sources, file)
	return im.service(ctx, p, file, name, service)
}

// readCompose reads the text, with the variables in every value put in.
func readCompose(text string, vars []string) (map[string]composeService, error) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return nil, err
	}
	if err := interpolateNode(&root, vars); err != nil {
		return nil, err
	}
	var f composeFile
	if err := root.Decode(&f); err != nil {
		return nil, err
	}
	return f.Services, nil
}

func interpolateNode(n *yaml.Node, vars []string) (err error) {
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "$") {
		n.Value, err = interpolate(n.Value, func(name string) (string, bool) { return lookup(vars, name) })
		return err
	}
	for _, child := range n.Content {
		if err := interpolateNode(child, vars); err != nil {
			return err
		}
	}
	return nil
}

func gunicornService(services map[string]composeService) (string, composeService, error) {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(services)) {
		s := services[name]
		if _, _, ok := gunicornOf(append(slices.Clone(s.Entrypoint), s.Command...)); ok {
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
	c := Command{From: from + ": command", Words: append(slices.Clone(s.Entrypoint), s.Command...), Dir: s.WorkingDir}
	for _, f := range s.EnvFile {
		c.Env = append(c.Env, im.dotEnv(path.Join(path.Dir(file), f))...)
		p.add("Worker", "EnvironmentFile", config.QuoteUnit(path.Join(path.Dir(file), f)), from+": env_file")
	}
	c.Env = append(c.Env, s.Environment...)
	for _, pair := range s.Environment {
		p.add("App", "Environment", `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(pair)+`"`, from+": environment")
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
		p.leave(from, "ports: %v: Bind= is what the machine listens on", port)
	}
	if s.DependsOn != nil {
		p.leave(from, "depends_on: write After= in [Worker] for what runs on this machine")
	}
	if s.StopGrace != "" {
		p.leave(from, "stop_grace_period: %s: GracefulTimeout= is the time to finish", s.StopGrace)
	}
	return nil
}

// dotEnv reads a file of NAME=VALUE lines; there is nothing in one that cannot be read.
func (im *Importer) dotEnv(file string) (env []string) {
	text, err := os.ReadFile(path.Join(im.Root, file))
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

// wordList is a list, or a text of words.
type wordList []string

// UnmarshalYAML is yaml's.
func (w *wordList) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(w))
	}
	words, err := config.ShellWords(n.Value)
	*w = words
	return err
}

// pairs is a list of NAME=VALUE, or a map.
type pairs []string

// UnmarshalYAML is yaml's.
func (p *pairs) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return n.Decode((*[]string)(p))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		*p = append(*p, n.Content[i].Value+"="+n.Content[i+1].Value)
	}
	return nil
}

// envFiles is a path, a list of them, or a list of maps with path.
type envFiles []string

// UnmarshalYAML is yaml's.
func (e *envFiles) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*e = envFiles{n.Value}
		return nil
	}
	for _, item := range n.Content {
		if item.Kind == yaml.ScalarNode {
			*e = append(*e, item.Value)
			continue
		}
		var m struct {
			Path string `yaml:"path"`
		}
		if err := item.Decode(&m); err != nil {
			return err
		}
		*e = append(*e, m.Path)
	}
	return nil
}
