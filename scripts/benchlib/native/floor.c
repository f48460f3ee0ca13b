/*
 * floor ADDRESS PORT: the least that a server can do, as a floor for the others' figures.
 *
 * One thread, one epoll loop; it looks for the end of the head and for a Content-Length, and answers a
 * constant: "/" 14 bytes, "/1k" 1 KiB, "/64k" 64 KiB, a POST the number of bytes of its body. No time-outs, no limits,
 * no application: not a server to use.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 4096, EVENTS = 256, CLIENTS = 65536 };

struct client {
	size_t body; /* bytes of a body still to be skipped */
	size_t length; /* of that body, for the answer */
	int close, posted;
	size_t kept; /* bytes of a head that is not complete yet */
	char *rest;
};

struct answer {
	char *bytes;
	size_t size;
};

static struct client *clients[CLIENTS];
static struct answer hello, one_kib, sixty_four_kib, parting;
static char buffer[HEAD_MAX + 65536 + 1];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* make prepares an answer; body is nothing for one of size times "x". fields ends each with CRLF. */
static struct answer make(size_t size, const char *body, const char *fields)
{
	struct answer a;
	int head;

	a.bytes = malloc(size + 256);
	if (!a.bytes)
		die("malloc");
	head = sprintf(a.bytes,
		       "HTTP/1.1 200 OK\r\nServer: floor\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
		       "Content-Type: text/plain; charset=utf-8\r\n%sContent-Length: %zu\r\n\r\n", fields, size);
	if (body)
		memcpy(a.bytes + head, body, size);
	else
		memset(a.bytes + head, 'x', size);
	a.size = (size_t)head + size;
	return a;
}

static void drop(int fd)
{
	free(clients[fd]->rest);
	free(clients[fd]);
	clients[fd] = NULL;
	close(fd);
}

/* put writes all of it, and waits when the client is slow; returns 0 when the client is gone. */
static int put(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			struct timespec moment = { 0, 20000 };

			nanosleep(&moment, NULL);
			continue;
		}
		if (n <= 0)
			return 0;
		bytes += n;
		size -= (size_t)n;
	}
	return 1;
}

/* answer returns 0 when the connection is to be closed. */
static int answer(int fd, struct client *c, const struct answer *a)
{
	char digits[24];
	struct answer posted;
	int ok;

	if (!c->posted)
		return put(fd, a->bytes, a->size) && !c->close;
	posted = make((size_t)sprintf(digits, "%zu", c->length), digits, "");
	ok = put(fd, posted.bytes, posted.size);
	free(posted.bytes);
	return ok && !c->close;
}

/* read_head notes what a head asks for and returns what to answer. */
static const struct answer *read_head(struct client *c, const char *head, const char *end)
{
	const char *field;

	c->posted = !strncmp(head, "POST ", 5);
	c->length = 0;
	if (c->posted && (field = strcasestr(head, "\r\nContent-Length:")) && field < end)
		c->length = strtoul(field + 17, NULL, 10);
	c->close = (field = strcasestr(head, "\r\nConnection: close")) && field < end;
	c->body = c->length;
	if (!strncmp(head, "GET /1k ", 8))
		return &one_kib;
	if (!strncmp(head, "GET /64k ", 9))
		return &sixty_four_kib;
	return c->close ? &parting : &hello;
}

/* keep sets the beginning of a head aside; returns 0 when it is too long. */
static int keep(struct client *c, const char *bytes, size_t size)
{
	if (size > HEAD_MAX || !(c->rest = malloc(size)))
		return 0;
	memcpy(c->rest, bytes, size);
	c->kept = size;
	return 1;
}

/* skip passes over what has come of a body; returns where it ends. */
static char *skip(struct client *c, char *at, size_t size)
{
	if (size > c->body)
		size = c->body;
	c->body -= size;
	return at + size;
}

/* serve answers what is in buffer; returns 0 when the connection is to be closed. */
static int serve(int fd, struct client *c, size_t size)
{
	const struct answer *a = &hello;
	char *at = buffer, *stop = buffer + size, *end;

	*stop = 0;
	while (at < stop) {
		if (c->body == 0) {
			if (!(end = strstr(at, "\r\n\r\n")))
				return keep(c, at, (size_t)(stop - at));
			a = read_head(c, at, end);
			at = end + 4;
		}
		at = skip(c, at, (size_t)(stop - at));
		if (c->body == 0 && !answer(fd, c, a))
			return 0;
	}
	return 1;
}

static void readable(int fd)
{
	struct client *c = clients[fd];
	size_t kept = c->kept;
	ssize_t n = recv(fd, buffer + kept, 65536, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		drop(fd);
		return;
	}
	if (kept > 0) {
		memcpy(buffer, c->rest, kept);
		free(c->rest);
		c->rest = NULL;
		c->kept = 0;
	}
	if (!serve(fd, c, kept + (size_t)n))
		drop(fd);
}

static void accept_all(int epoll, int listener)
{
	int fd, on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

		if (fd >= CLIENTS || !(clients[fd] = calloc(1, sizeof(struct client)))) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
			drop(fd);
	}
}

static int listen_on(const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port)) };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || fd < 0)
		die(address);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || listen(fd, 2048) < 0)
		die("bind");
	return fd;
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS], event = { .events = EPOLLIN };
	int listener, epoll = epoll_create1(EPOLL_CLOEXEC);

	if (argc != 3) {
		fprintf(stderr, "usage: floor ADDRESS PORT\n");
		return 2;
	}
	hello = make(14, "Hello, World!\n", "");
	parting = make(14, "Hello, World!\n", "Connection: close\r\n");
	one_kib = make(1024, NULL, "");
	sixty_four_kib = make(65536, NULL, "");
	event.data.fd = listener = listen_on(argv[1], argv[2]);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
		die("epoll_ctl");
	for (;;) {
		int i, n = epoll_wait(epoll, events, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_all(epoll, listener);
			else
				readable(events[i].data.fd);
		}
	}
}
