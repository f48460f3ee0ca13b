/*
 * rate HOST PORT PATH CONNECTIONS RATE SECONDS: a constant rate of HTTP/1.1 requests over kept-alive connections.
 *
 * A request is due every 1/RATE seconds whatever became of those before it, and its latency counts from then: a server
 * that stalls pays for all that came due meanwhile. (wrk sends when it has an answer, and h2load --rps sends in
 * bursts: all its clients at once, each at most a hundred times a second.) A request that finds every
 * connection at work waits for one. Responses must be 200 with a Content-Length.
 *
 * One line goes to standard output: requests=N lost=N p50=US p99=US p999=US max=US; lost ones had no answer within two
 * seconds of the end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, HEAD_MAX = 8192 };
static const uint64_t SECOND = 1000000000, GRACE = 2000000000;

struct connection {
	int fd; /* -1: none yet, or no more */
	uint64_t due; /* of the request in work, ns */
	size_t have; /* bytes of the head so far */
	size_t body; /* bytes of the body still to come */
	int in_body;
	int close; /* the server will close after this answer */
	char head[HEAD_MAX + 1];
};

static struct sockaddr_in server;
static char request[4096];
static size_t request_size;
static struct connection *connections, **idle;
static size_t idle_count;
static uint32_t *latencies; /* us */
static size_t answered;

static void die(const char *what)
{
	fprintf(stderr, "rate: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void wrong(const char *what)
{
	fprintf(stderr, "rate: %s\n", what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void dial(int epoll, struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof(server)) < 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
		die("epoll_ctl");
}

/* ask connects only now where there is no connection: an idle new one would hold a whole worker of some servers. */
static void ask(int epoll, struct connection *c, uint64_t due)
{
	c->due = due;
	if (c->fd < 0)
		dial(epoll, c);
	if (send(c->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size)
		die("send");
}

/* read_head looks for the end of the head in c->head and notes how much of a body has come and is to come. */
static void read_head(struct connection *c)
{
	char *end, *field;
	size_t size, come;

	c->head[c->have] = 0;
	end = strstr(c->head, "\r\n\r\n");
	if (!end && c->have == HEAD_MAX)
		wrong("the head of the response is too long");
	if (!end)
		return;
	field = strcasestr(c->head, "\r\nContent-Length:");
	if (strncmp(c->head, "HTTP/1.1 200 ", 13) || !field || field > end)
		wrong("the response is not 200 with a Content-Length");
	size = strtoul(field + 17, NULL, 10);
	field = strcasestr(c->head, "\r\nConnection: close");
	c->close = field && field < end;
	come = c->have - (size_t)(end + 4 - c->head);
	if (come > size)
		wrong("the response is too long");
	c->body = size - come;
	c->in_body = 1;
}

static void hang_up(struct connection *c)
{
	close(c->fd);
	c->fd = -1;
}

static void done(struct connection *c)
{
	latencies[answered++] = (uint32_t)((now() - c->due) / 1000);
	if (c->close)
		hang_up(c);
	c->have = 0;
	c->in_body = 0;
	c->due = 0;
	idle[idle_count++] = c;
}

static void readable(struct connection *c)
{
	static char bin[65536];
	ssize_t n;

	if (c->in_body)
		n = recv(c->fd, bin, sizeof(bin), 0);
	else
		n = recv(c->fd, c->head + c->have, HEAD_MAX - c->have, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 && c->due)
		wrong("the server has closed a connection in place of an answer");
	if (n <= 0) {
		hang_up(c); /* it was idle */
		return;
	}
	if (c->in_body) {
		if ((size_t)n > c->body)
			wrong("the response is too long");
		c->body -= (size_t)n;
	} else {
		c->have += (size_t)n;
		read_head(c);
	}
	if (c->in_body && c->body == 0)
		done(c);
}

/* wait sleeps until something can be read or the time has come; epoll_wait alone counts in milliseconds. */
static void wait(int epoll, uint64_t until)
{
	struct epoll_event events[EVENTS];
	struct pollfd ready = { .fd = epoll, .events = POLLIN };
	int i, n = epoll_wait(epoll, events, EVENTS, 0);
	uint64_t t = now();

	if (n == 0 && t < until) {
		struct timespec left = { (time_t)((until - t) / SECOND), (long)((until - t) % SECOND) };

		if (ppoll(&ready, 1, &left, NULL) > 0)
			n = epoll_wait(epoll, events, EVENTS, 0);
	}
	for (i = 0; i < n; i++)
		readable(events[i].data.ptr);
}

/* run sends all requests when they are due, and returns when all are answered or the grace is over. */
static void run(int epoll, uint64_t interval, uint64_t count)
{
	uint64_t start = now(), sent = 0, end = start + interval * count + GRACE;

	while (answered < count && now() < end) {
		while (sent < count && idle_count > 0 && start + sent * interval <= now())
			ask(epoll, idle[--idle_count], start + sent++ * interval);
		wait(epoll, sent < count && idle_count > 0 ? start + sent * interval : end);
	}
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* at returns the latency that the given part of all requests had at most; lost ones have the longest. */
static uint32_t at(double part, uint64_t count)
{
	size_t i = (size_t)(part * (double)count);

	return latencies[i < answered ? i : answered - 1];
}

static void report(uint64_t count)
{
	if (!answered)
		wrong("no answer at all");
	qsort(latencies, answered, sizeof(*latencies), by_size);
	printf("requests=%zu lost=%zu p50=%u p99=%u p999=%u max=%u\n", answered, (size_t)count - answered,
	       at(0.5, count), at(0.99, count), at(0.999, count), latencies[answered - 1]);
}

int main(int argc, char **argv)
{
	size_t i, n;
	double rate, seconds;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (argc != 7) {
		fprintf(stderr, "usage: rate HOST PORT PATH CONNECTIONS RATE SECONDS\n");
		return 2;
	}
	server.sin_family = AF_INET;
	server.sin_port = htons((unsigned short)atoi(argv[2]));
	n = strtoul(argv[4], NULL, 10);
	rate = atof(argv[5]);
	seconds = atof(argv[6]);
	if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || !n || rate <= 0 || rate * seconds < 1)
		wrong("an address, and numbers above 0, please");
	request_size = (size_t)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", argv[3]);
	if (request_size >= sizeof(request))
		wrong("the path is too long");
	connections = calloc(n, sizeof(*connections));
	idle = calloc(n, sizeof(*idle));
	latencies = calloc((size_t)(rate * seconds), sizeof(*latencies));
	if (!connections || !idle || !latencies)
		die("calloc");
	prctl(PR_SET_TIMERSLACK, 1000UL);
	for (i = 0; i < n; i++) {
		connections[i].fd = -1;
		idle[idle_count++] = &connections[i];
	}
	run(epoll, (uint64_t)((double)SECOND / rate), (uint64_t)(rate * seconds));
	report((uint64_t)(rate * seconds));
	return 0;
}
