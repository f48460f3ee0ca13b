"""What a gunicorn.conf.py has to no effect where workers alone run it: under systemd."""

from .conf import HOOKS

# Settings that people have in such a file, beside those that a worker knows.
SETTINGS = frozenset((
    "bind", "backlog", "keepalive", "user", "group", "umask", "pidfile", "daemon", "raw_env", "pythonpath",
    "accesslog", "errorlog", "loglevel", "access_log_format", "logconfig", "logconfig_dict", "logconfig_json",
    "logger_class", "capture_output", "syslog", "statsd_host", "statsd_prefix", "certfile", "keyfile",
    "forwarded_allow_ips", "secure_scheme_headers", "proxy_protocol", "limit_request_line",
    "limit_request_body", "limit_request_fields", "limit_request_field_size", "worker_tmp_dir",
    "reuse_port", "wsgi_app",
))


def tell(options, names, known, log):
    """One line for the settings whose value is another than the worker's, and one for the hooks that nobody calls."""
    vain = sorted(name for name, value in names.items()
                  if (name in SETTINGS or name in known and value != known[name]) and value not in (None, "", [], {}))
    if vain:
        log.warning("%s sets %s, to no effect: under systemd settings are the application file's, /etc/kirin/%s.conf"
                    % (options.conf, ", ".join(vain), options.units_of))
    lost = sorted(name for name in HOOKS if callable(names.get(name)) and name not in options.hooks)
    if lost:
        log.warning("%s has %s, which nobody calls under systemd: see docs/hooks.md" % (options.conf, ", ".join(lost)))
