/*
 * ws HOST PORT PATH CONNECTIONS SECONDS: WebSockets that each send a short text and, when it has come back, the next one.
 *
 * One line goes to standard output: requests=N microseconds=US p50=US p99=US p999=US; N counts the messages that came back.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, TEXT = 32, HEAD = 2, SAMPLES = 1 << 22 };

struct connection {
	int fd;
	uint64_t sent; /* us */
	size_t have; /* bytes of the frame under way */
	unsigned char frame[HEAD + TEXT];
};

static unsigned char message[HEAD + 4 + TEXT];
static uint32_t latencies[SAMPLES]; /* us */
static size_t answered;

static void die(const char *what)
{
	fprintf(stderr, "ws: %s: %s\n", what, errno ? strerror(errno) : "not as it should be");
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void say(struct connection *c)
{
	c->sent = now();
	c->have = 0;
	if (send(c->fd, message, sizeof(message), MSG_NOSIGNAL) != (ssize_t)sizeof(message))
		die("send");
}

/* shake_hands reads the head of the response byte by byte: nothing follows it unasked. */
static void shake_hands(int fd, const char *path)
{
	char request[1024], head[4096];
	int size = snprintf(request, sizeof(request),
			    "GET %s HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
			    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path);
	size_t have = 0;

	if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size)
		die("send");
	while (have < 4 || memcmp(head + have - 4, "\r\n\r\n", 4)) {
		if (have == sizeof(head) || recv(fd, head + have, 1, 0) != 1)
			die("handshake");
		have++;
	}
	errno = 0;
	if (memcmp(head, "HTTP/1.1 101 ", 13))
		die("handshake");
}

static void open_one(int epoll, struct connection *c, struct sockaddr_in *server, const char *path)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)server, sizeof(*server)) < 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	shake_hands(c->fd, path);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
		die("epoll_ctl");
}

static void readable(struct connection *c)
{
	ssize_t n = recv(c->fd, c->frame + c->have, sizeof(c->frame) - c->have, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("the server has closed a connection");
	c->have += (size_t)n;
	if (c->have < sizeof(c->frame))
		return;
	errno = 0;
	if (c->frame[0] != 0x81 || c->frame[1] != TEXT || c->frame[HEAD] != 'x')
		die("a message came back, but");
	latencies[answered++ % SAMPLES] = (uint32_t)(now() - c->sent);
	say(c);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void report(uint64_t took)
{
	size_t n = answered < SAMPLES ? answered : SAMPLES;

	errno = 0;
	if (!n)
		die("answers");
	qsort(latencies, n, sizeof(*latencies), by_size);
	printf("requests=%zu microseconds=%llu p50=%u p99=%u p999=%u\n", answered, (unsigned long long)took,
	       latencies[n / 2], latencies[n * 99 / 100], latencies[n * 999 / 1000]);
}

int main(int argc, char **argv)
{
	struct sockaddr_in server = { .sin_family = AF_INET };
	struct epoll_event events[EVENTS];
	struct connection *connections;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint64_t begun, end;
	size_t i, n;

	if (argc != 6) {
		fprintf(stderr, "usage: ws HOST PORT PATH CONNECTIONS SECONDS\n");
		return 2;
	}
	server.sin_port = htons((unsigned short)atoi(argv[2]));
	n = strtoul(argv[4], NULL, 10);
	connections = calloc(n, sizeof(*connections));
	if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || !n || !connections)
		die("an address, and numbers above 0, please");
	message[0] = 0x81;
	message[1] = 0x80 | TEXT; /* and a mask of zeros */
	memset(message + HEAD + 4, 'x', TEXT);
	for (i = 0; i < n; i++)
		open_one(epoll, &connections[i], &server, argv[3]);
	begun = now();
	end = begun + (uint64_t)(atof(argv[5]) * 1e6);
	for (i = 0; i < n; i++)
		say(&connections[i]);
	while (now() < end) {
		int k = epoll_wait(epoll, events, EVENTS, 100);

		while (k-- > 0)
			readable(events[k].data.ptr);
	}
	report(now() - begun);
	return 0;
}
