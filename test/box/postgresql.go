package box

// StartPostgreSQL is a shell script that starts Debian's PostgreSQL on its Unix socket. The box is a copy of a machine on which that is
// installed, and masks what it has enabled.
const StartPostgreSQL = `
	rm -f /etc/systemd/system/postgresql*.service
	version=$(ls /usr/lib/postgresql | tail -n 1)
	[ -e "/etc/postgresql/$version/main" ] || pg_createcluster "$version" main
	echo 'fsync = off' >>"/etc/postgresql/$version/main/postgresql.conf"
	systemctl daemon-reload
	systemctl start "postgresql@$version-main"
`
