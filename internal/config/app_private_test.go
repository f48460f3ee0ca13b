package config

import (
	"reflect"
	"testing"

	"github.com/kirin-server/kirin/units"
)

func TestLooksSecret(t *testing.T) {
	for _, pair := range []string{
		"SECRET_KEY=x", "DJANGO_SECRET=x", "db_password=x", "AWS_ACCESS_KEY_ID=A", "STRIPE_APIKEY=k", "GITHUB_TOKEN=t", "PGPASS=x", "SENTRY_DSN=x",
		"DATABASE_URL=postgres://shop:x@db/shop", "REDIS=redis://:x@cache", "TLS=-----BEGIN PRIVATE KEY-----",
	} {
		if !LooksSecret(pair) {
			t.Errorf("%s: not found", pair)
		}
	}
	for _, pair := range []string{
		"DEBUG=1", "SECRET_KEY=", "SECRET_KEY_FILE=/run/secret", "DATABASE_URL=postgres://db/shop", "MONKEY=x", "KEYBOARD=de", "PASSWORD_MIN=12", "URL=http://h:80/a@b",
	} {
		if LooksSecret(pair) {
			t.Errorf("%s: found", pair)
		}
	}
}

func TestTakeEnv(t *testing.T) {
	env, rest := takeEnv([]string{"A=1"}, []units.Directive{
		{Name: "Environment", Value: `B=2 "C=3 %%"`},
		{Name: "EnvironmentFile", Value: "/one"},
		{Name: "EnvironmentFile"},
		{Name: "Nice", Value: "1"},
		{Name: "Environment", Value: "D=%i"},
	})
	want := []units.Directive{{Name: "Nice", Value: "1"}, {Name: "Environment", Value: "D=%i"}}
	if !reflect.DeepEqual(env, []string{"A=1", "B=2", "C=3 %"}) || !reflect.DeepEqual(rest, want) {
		t.Errorf("got %q, %v", env, rest)
	}
	if env, rest = takeEnv([]string{"A=1"}, []units.Directive{{Name: "Environment"}, {Name: "Environment", Value: "B=2"}}); len(env) != 1 || rest != nil {
		t.Errorf("got %q, %v", env, rest)
	}
}
