"""A gunicorn.conf.py that writes into $OBJECTS what its hooks find in Gunicorn's objects, a line of JSON each.

Both Gunicorn and kirin run it: the lines are to be the same.
"""

import json
import logging
import os

preload_app = False
bind = ["127.0.0.1:0"]
workers = 2
keepalive = 10
max_requests = 500
raw_env = ["SHOP=cups"]
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
accesslog = "-"

CFG = """
cfg.workers
cfg.preload_app
cfg.bind
cfg.address
cfg.timeout
cfg.keepalive
cfg.worker_connections
cfg.max_requests
cfg.threads
cfg.env
cfg.raw_env
cfg.proc_name
cfg.default_proc_name
cfg.is_ssl
cfg.certfile
sorted(cfg.ssl_options)[:3]
cfg.uid
cfg.gid
cfg.user == os.geteuid()
cfg.chdir == os.getcwd()
cfg.loglevel
cfg.accesslog
cfg.errorlog
cfg.access_log_format
cfg.pidfile
cfg.daemon
cfg.reuse_port
cfg.paste_global_conf
cfg.secure_scheme_headers
cfg.limit_request_line
cfg.forwarder_headers if hasattr(cfg, 'forwarder_headers') else ['SCRIPT_NAME', 'PATH_INFO']
cfg.no_such_setting
cfg.my_own
cfg.logger_class.__name__
callable(cfg.worker_class)
cfg.post_fork.__name__
callable(cfg.pre_exec)
cfg.get_cmd_args_from_env()
'workers' in str(cfg)
cfg.prog is None or len(cfg.prog) > 0
cfg.usage is None or len(cfg.usage) > 0
isinstance(cfg.env_orig, dict)
setattr(cfg, 'workers', 3)
cfg.set('no_such_setting', 3)
cfg.set('workers', -1)
cfg.set('preload_app', 'maybe')
cfg.set('bind', 7)
cfg.set('proxy_allow_ips', '10.0.0.1')
cfg.set('worker_connections', '77'), cfg.worker_connections, cfg.settings['worker_connections'].value
cfg.set('worker_connections', 1000)
sorted(name for name in cfg.settings if name in ('bind', 'workers', 'post_fork', 'on_exit', 'my_own'))
'workers' in cfg.settings, len(cfg.settings) > 80
"""

SETTING = """
cfg.settings['preload_app'].value
cfg.settings['preload_app'].get()
cfg.settings['preload_app'].name
cfg.settings['preload_app'].section
cfg.settings['preload_app'].default
cfg.settings['preload_app'].cli
cfg.settings['workers'].cli
cfg.settings['workers'].type.__name__
cfg.settings['workers'].validator('4')
cfg.settings['workers'].action
type(cfg.settings['workers'].short).__name__
type(cfg.settings['workers'].desc).__name__
type(cfg.settings['workers'].order).__name__
cfg.settings['workers'].set(5), cfg.workers
cfg.settings['workers'].set(2), cfg.workers
cfg.settings['workers'].copy().value
cfg.settings['workers'] < cfg.settings['threads']
'with value 2' in repr(cfg.settings['workers'])
callable(cfg.settings['post_fork'].get())
cfg.settings['no_such_setting']
"""

SERVER = """
type(server.pid).__name__
type(server.num_workers).__name__, server.num_workers
'{}:{}'.format(*server.address[0])
server.timeout
server.proc_name
server.worker_age >= 0
server.reexec_pid
server.master_pid
server.master_name
server.systemd
server.pidfile
server.WORKER_BOOT_ERROR, server.APP_LOAD_ERROR
type(server.WORKERS).__name__
type(server.LISTENERS).__name__
type(server.SIG_QUEUE).__name__
[int(s) for s in server.SIGNALS]
server.SIG_NAMES[15]
sorted(server.START_CTX, key=str)[1:]
callable(server.worker_class)
server.app.cfg.workers
server.app.cfg is server.cfg
server.app.callable
server.app.app_uri
server.app.logger
server.app.prog is None or len(server.app.prog) > 0
callable(server.app.wsgi), callable(server.app.load)
callable(server.reload), callable(server.kill_worker), callable(server.kill_workers), callable(server.stop)
callable(server.handle_hup), callable(server.handle_ttin), callable(server.wakeup), callable(server.reexec)
server.no_such_thing
"""

LISTENING = """
len(server.LISTENERS)
server.LISTENERS[0].getsockname()[0]
server.LISTENERS[0].getsockname()[1] > 0
str(server.LISTENERS[0]).startswith('http://127.0.0.1:')
server.LISTENERS[0].cfg_addr[0]
int(server.LISTENERS[0].FAMILY)
"""

WORKER = """
worker.pid == os.getpid()
worker.ppid == os.getppid()
worker.age > 0
worker.timeout > 0
worker.booted
worker.aborted
worker.alive
worker.nr
worker.max_requests
worker.reloader
worker.cfg.workers
worker.cfg is server.cfg
worker.log is server.log
worker.app.cfg.workers
str(worker) == '<Worker %d>' % os.getpid()
len(worker.sockets)
worker.sockets[0].cfg_addr[0]
int(worker.SIGNALS[0])
worker.notify()
worker.tmp.notify()
worker.tmp.last_update() >= 0
callable(worker.handle_exit), callable(worker.handle_quit), callable(worker.handle_abort), callable(worker.handle_usr1)
setattr(worker, 'mine', 5), worker.mine
worker.no_such_thing
"""

INITED = """
callable(worker.wsgi)
callable(worker.app.callable)
worker.app.wsgi() is worker.wsgi
worker.app.app_uri
worker.app.cfg is worker.cfg
worker.booted
"""

LOG = """
log.error_log.name, log.access_log.name
log.error_log.level, log.loglevel
log.access_log.level
log.error_log.propagate, log.access_log.propagate
[type(h).__name__ for h in log.error_log.handlers]
[h._gunicorn for h in log.error_log.handlers]
log.error_fmt, log.datefmt, log.access_fmt, log.syslog_fmt
sorted(log.LOG_LEVELS.items())
log.cfg.loglevel
log.error_handlers, log.access_handlers, log.logfile
log.atoms_wrapper_class.__name__
type(log.lock).__name__
log.now()[0]
callable(log.access), callable(log.atoms), callable(log.reopen_files), callable(log.close_on_exec), callable(log.setup)
logging.getLogger('gunicorn.error') is log.error_log
log.log('info', 'by a %s', 'word')
log.log(logging.WARNING, 'by a number')
log.error_log.warning('by error_log')
log.no_such_thing
"""


my_own = 5


def plain(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return type(value).__name__


def look(where, table, **objects):
    with open(os.environ["OBJECTS"], "a") as file:
        for text in table.strip().split("\n"):
            try:
                found = plain(eval(text, dict(objects, os=os, logging=logging)))
            except Exception as error:
                found = type(error).__name__
            file.write(json.dumps([where, text, found]) + "\n")


def fail(log):
    try:
        {}["no such cup"]
    except KeyError:
        log.error("with exc_info", exc_info=True)
        log.exception("with %s", "exception")


def on_starting(server):
    look("on_starting", SERVER, server=server)
    look("on_starting", CFG + SETTING, cfg=server.cfg)
    look("on_starting", LOG, log=server.log)
    fail(server.log)


def when_ready(server):
    look("when_ready", LISTENING, server=server)


def post_fork(server, worker):
    if worker.age == 1:
        look("post_fork", SERVER, server=server)
        look("post_fork", WORKER, server=server, worker=worker)
        look("post_fork", LOG, log=worker.log)


def post_worker_init(worker):
    if worker.age == 1:
        look("post_worker_init", INITED, worker=worker)
        look("post_worker_init", CFG + SETTING, cfg=worker.cfg)
        worker.log.info("looked at all")
