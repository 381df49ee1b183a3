/* Linux: a Unix socket. The library needs nothing but the C library. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

/* ---- memory ---- */

/* across lets the kernel copy within this process: it fails where an ordinary copy would fault. Where the call is not allowed
 * (old sandboxes), an ordinary copy has to do. */
static bool across(void *local, const void *caller, size_t n, bool write)
{
	struct iovec here = {local, n}, there = {(void *)(uintptr_t)caller, n};
	ssize_t moved = write ? process_vm_writev(getpid(), &here, 1, &there, 1, 0) :
				process_vm_readv(getpid(), &here, 1, &there, 1, 0);
	if (moved >= 0)
		return (size_t)moved == n;
	if (errno != ENOSYS && errno != EPERM)
		return false;
	if (write)
		memcpy((void *)(uintptr_t)caller, local, n);
	else
		memcpy(local, caller, n);
	return true;
}

/* The address sanitizer's own tables are mapped, but no caller's. */
static bool usable(const void *p)
{
#ifdef __SANITIZE_ADDRESS__
	return (uintptr_t)p > 0x10007fff8000;
#else
	return p != NULL;
#endif
}

bool os_read(void *to, const void *caller, size_t n)
{
	if (n == 0)
		return true;
	if (!usable(caller) || !across(to, caller, n, false))
		return false;
#ifdef __SANITIZE_ADDRESS__
	memcpy(to, caller, n); /* so that the sanitizer sees what is read */
#endif
	return true;
}

bool os_write(const void *caller, const void *from, size_t n)
{
	if (n == 0)
		return true;
	if (!usable(caller) || !across((void *)(uintptr_t)from, caller, n, true))
		return false;
#ifdef __SANITIZE_ADDRESS__
	memcpy((void *)(uintptr_t)caller, from, n);
#endif
	return true;
}

void *os_alloc(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	(void)mlock(p, n); /* fails beyond RLIMIT_MEMLOCK */
	(void)madvise(p, n, MADV_DONTDUMP);
	return p;
}

void os_free(void *p, size_t n)
{
	wipe(p, n);
	(void)munmap(p, n);
}

void wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

/* ---- time and locks ---- */

uint64_t os_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void os_sleep(uint32_t ms)
{
	(void)poll(NULL, 0, (int)ms);
}

void os_take(os_lock *l)
{
	pthread_mutex_lock(l);
}

void os_give(os_lock *l)
{
	pthread_mutex_unlock(l);
}

void os_cond_init(os_cond *c)
{
	pthread_condattr_t a;
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(c, &a);
	pthread_condattr_destroy(&a);
}

void os_cond_end(os_cond *c)
{
	pthread_cond_destroy(c);
}

void os_wait(os_cond *c, os_lock *l, uint64_t until)
{
	struct timespec t = {(time_t)(until / 1000), (long)(until % 1000) * 1000000};
	pthread_cond_timedwait(c, l, &t);
}

void os_wake_all(os_cond *c)
{
	pthread_cond_broadcast(c);
}

/* ---- settings ---- */

void os_settings(struct settings *to)
{
	const char *at = secure_getenv("LATCHKEY_AGENT"), *ms = secure_getenv("LATCHKEY_AGENT_DEADLINE_MS");

	memset(to, 0, sizeof *to);
	to->deadline = DEADLINE;
	if (!at || !*at)
		at = "unix:/run/latchkey/agent.sock";
	if (strncmp(at, "unix:/", 6) == 0 && strlen(at + 5) < sizeof to->address) {
		memcpy(to->address, at + 5, strlen(at + 5));
		to->valid = true;
	}
	if (ms && *ms) {
		char *rest;
		unsigned long v = strtoul(ms, &rest, 10);
		if (!*rest && v >= DEADLINE_MIN && v <= DEADLINE_MAX)
			to->deadline = (uint32_t)v;
	}
}

/* ---- the connection ---- */

/* trusted reports whether the listener runs as root, as we do, or as the owner of the socket's directory, to which nobody else
 * may write. */
static bool trusted(int fd, const char *path)
{
	struct ucred peer;
	socklen_t n = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0 || n != sizeof peer)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;

	char dir[OS_MAX_ADDRESS];
	struct stat st;
	size_t end = strlen(path);
	while (end > 1 && path[end - 1] != '/')
		end--;
	memcpy(dir, path, end);
	dir[end] = 0;
	return stat(dir, &st) == 0 && S_ISDIR(st.st_mode) && !(st.st_mode & 022) && st.st_uid == peer.uid;
}

int os_connect(struct stream *s, const struct settings *set)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	memcpy(to.sun_path, set->address, sizeof to.sun_path);
	to.sun_path[sizeof to.sun_path - 1] = 0;

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return AGENT_ABSENT;
	int code = 0;
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) /* EAGAIN: its queue is full */
		code = AGENT_ABSENT;
	else if (!trusted(fd, to.sun_path))
		code = AGENT_FOREIGN;
	if (code)
		close(fd);
	else
		s->fd_plus_1 = fd + 1;
	return code;
}

/* ready waits for the socket, in slices so that an abort is noticed. */
static enum io ready(int fd, short events, uint64_t until, atomic_bool *stop)
{
	for (;;) {
		if (atomic_load(stop))
			return IO_STOPPED;
		uint64_t now = os_now();
		if (now >= until)
			return IO_LATE;
		uint64_t left = until - now;
		struct pollfd p = {.fd = fd, .events = events};
		int n = poll(&p, 1, left < WAIT_SLICE ? (int)left : WAIT_SLICE);
		if (n > 0)
			return IO_OK;
		if (n < 0 && errno != EINTR)
			return IO_BROKEN;
	}
}

static enum io move(struct stream *s, uint8_t *p, size_t n, uint64_t until, atomic_bool *stop, size_t *done, bool out)
{
	int fd = s->fd_plus_1 - 1;
	for (*done = 0; *done < n;) {
		ssize_t r = out ? send(fd, p + *done, n - *done, MSG_NOSIGNAL) : recv(fd, p + *done, n - *done, 0);
		if (r > 0) {
			*done += (size_t)r;
			continue;
		}
		if (r == 0 || (errno != EAGAIN && errno != EINTR))
			return IO_BROKEN;
		enum io how = ready(fd, out ? POLLOUT : POLLIN, until, stop);
		if (how != IO_OK)
			return how;
	}
	return IO_OK;
}

enum io os_send(struct stream *s, const uint8_t *p, size_t n, uint64_t until, atomic_bool *stop, size_t *done)
{
	return move(s, (uint8_t *)(uintptr_t)p, n, until, stop, done, true);
}

enum io os_recv(struct stream *s, uint8_t *p, size_t n, uint64_t until, atomic_bool *stop, size_t *done)
{
	return move(s, p, n, until, stop, done, false);
}

bool os_quiet(struct stream *s)
{
	uint8_t b;
	return recv(s->fd_plus_1 - 1, &b, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void os_disconnect(struct stream *s)
{
	close(s->fd_plus_1 - 1);
	s->fd_plus_1 = 0;
}

/* Whoever unloads the library without SqlCryptFreeProvider leaves no credentials behind. */
__attribute__((destructor)) static void unload(void)
{
	sessions_end(0);
}
