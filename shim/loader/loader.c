/* latchkey-ekm-loader LIBRARY: loads an EKM library, as SQL Server does, and serves it with the frames of docs/formats/agent-frames.md on the
 * listening Unix socket that it was given as descriptor 3. So a database server in Go uses libraries in C without C in its process, and a
 * library that fails takes this process down, not the server.
 *
 * It serves its parent alone: the socket lies in a directory that only the parent's account enters. It says one line on standard
 * output, "ready", "load WHY", "missing NUMBER" or "initialize CODE", and ends when standard input does. A connection is a
 * session; a thread serves it, another watches whether the client goes away during a call and then closes the session with abort. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../abi.h"

enum { HEADER = 16, BODY = 32768, ROOM = 16384, LISTENER = 3, CONNECTIONS = 1024, MAX_ALGORITHMS = 32 };
enum { NOT_DONE = 1, PROTOCOL = 5005, BUSY = 5006 };
enum { HELLO = 1, INFO, ALGORITHMS, OPEN, CLOSE, KEY_BY_NAME, KEY_BY_THUMB, KEY_NEXT, KEY_BY_ID, PUBLIC_KEY, WRAP, UNWRAP, CREATE_KEY, DROP_KEY, IMPORT_KEY, PING };

#define X(number, name, parameters) int(*name) parameters;
static struct {
	EKM_EXPORTS(X)
} api;
#undef X

static uint8_t instance[16];
static pthread_mutex_t counts = PTHREAD_MUTEX_INITIALIZER;
static int connections;

/* A connection. The lock is for what the watcher shares. */
struct conn {
	int fd;
	pthread_mutex_t lock;
	ekm_session slot;
	bool open, calling, aborted, ending;
	uint8_t in[HEADER + BODY], out[HEADER + ROOM];
	size_t len; /* of out */
};

/* ---- bytes ---- */

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16; }

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

static void add(struct conn *c, const void *p, size_t n)
{
	if (n > sizeof c->out - c->len)
		n = sizeof c->out - c->len; /* bounds of the fields keep this from happening */
	if (n)
		memcpy(c->out + c->len, p, n);
	c->len += n;
}

static void add32(struct conn *c, uint32_t v)
{
	uint8_t b[4];
	put32(b, v);
	add(c, b, 4);
}

static void add_bytes(struct conn *c, const void *p, uint32_t n)
{
	add32(c, n);
	add(c, p, n);
}

/* A request's body, read from the front. What is cut off or out of bounds sets bad. */
struct body {
	uint8_t *p;
	size_t left;
	bool bad;
};

static uint32_t take32(struct body *b)
{
	if (b->left < 4) {
		b->bad = true;
		return 0;
	}
	uint32_t v = get32(b->p);
	b->p += 4;
	b->left -= 4;
	return v;
}

static ekm_data take(struct body *b, uint32_t lowest, uint32_t highest)
{
	uint32_t n = take32(b);
	if (b->bad || n < lowest || n > highest || n > b->left) {
		b->bad = true;
		return (ekm_data){0, NULL};
	}
	ekm_data d = {n, b->p};
	b->p += n;
	b->left -= n;
	return d;
}

static ekm_str take_text(struct body *b, uint32_t lowest, uint32_t highest)
{
	ekm_data d = take(b, lowest, highest);
	if (d.cb % 2)
		b->bad = true;
	return (ekm_str){d.cb, d.pb};
}

static bool whole(struct body *b) { return !b->bad && b->left == 0; }

/* ---- the library's functions, with their question for sizes ---- */

static int info(struct conn *c)
{
	ekm_provider_info i;
	uint8_t name[EKM_MAX_FRIENDLY_NAME];
	memset(&i, 0, sizeof i);
	int code = api.SqlCryptGetProviderInfo(&i);
	if (code == EKM_SMALL_BUFFER && i.name.cb <= sizeof name) {
		i.name.ws = name;
		code = api.SqlCryptGetProviderInfo(&i);
	}
	if (code || i.name.cb > sizeof name)
		return code ? code : EKM_FAILURE;
	const ekm_version *v[] = {&i.provider_version, &i.api_version};
	add(c, i.guid.bytes, 16);
	for (int k = 0; k < 2; k++) {
		uint8_t b[5] = {v[k]->major, v[k]->minor, 0, 0, v[k]->revision};
		put16(b + 2, v[k]->build);
		add(c, b, 5);
	}
	add32(c, (uint32_t)i.auth_type);
	add32(c, i.sym_flags);
	add32(c, i.asym_flags);
	add32(c, i.max_thumb_len);
	add(c, &(uint8_t){i.accepts_key_name != 0}, 1);
	add_bytes(c, name, i.name.cb);
	return 0;
}

static int algorithm(uint32_t id, ekm_algorithm_info *i, uint8_t tag[EKM_MAX_TAG])
{
	memset(i, 0, sizeof *i);
	int code = api.SqlCryptGetAlgorithmInfo(id, i);
	if (code == EKM_SMALL_BUFFER && i->tag.cb <= EKM_MAX_TAG) {
		i->tag.ws = tag;
		code = api.SqlCryptGetAlgorithmInfo(id, i);
	}
	return !code && i->tag.cb > EKM_MAX_TAG ? EKM_FAILURE : code;
}

static int algorithms(struct conn *c)
{
	size_t at = c->len;
	uint32_t id = 0, n = 0;
	int code;
	add32(c, 0);
	while (n < MAX_ALGORITHMS && (code = api.SqlCryptGetNextAlgorithmId(&id)) == 0) {
		ekm_algorithm_info i;
		uint8_t tag[EKM_MAX_TAG];
		if ((code = algorithm(id, &i, tag)) != 0)
			return code;
		add32(c, id);
		add32(c, i.key_type == EKM_KEY_ASYMMETRIC);
		add32(c, i.bit_len);
		add32(c, i.iv_len);
		add_bytes(c, tag, i.tag.cb);
		n++;
	}
	if (n < MAX_ALGORITHMS && code != EKM_NOT_FOUND)
		return code;
	put32(c->out + at, n);
	return 0;
}

/* key describes a key; exactly one of name and thumb is there, or neither, and the id says which. */
static int key(struct conn *c, const ekm_str *name, const ekm_data *thumb, uint32_t id)
{
	ekm_key_info i;
	ekm_algorithm_info a;
	uint8_t n[EKM_MAX_KEY_NAME], t[EKM_MAX_THUMBPRINT], tag[EKM_MAX_TAG];
	int code = 0;
	memset(&i, 0, sizeof i);
	for (int round = 0; round < 2; round++) {
		code = name  ? api.SqlCryptGetKeyInfoByName(&c->slot, name, &i) :
		       thumb ? api.SqlCryptGetKeyInfoByThumb(&c->slot, thumb, &i) :
			       api.SqlCryptGetKeyInfoByKeyId(&c->slot, id, &i);
		if (round || code != EKM_SMALL_BUFFER || i.name.cb > sizeof n || i.thumb.cb > sizeof t)
			break;
		i.name.ws = n;
		i.thumb.pb = t;
	}
	if (code)
		return code;
	if (i.name.cb > sizeof n || !i.thumb.cb || i.thumb.cb > sizeof t || i.thumb.pb != t || (i.name.cb && i.name.ws != n))
		return EKM_FAILURE;
	if ((code = algorithm(i.alg_id, &a, tag)) != 0)
		return code;
	add32(c, name || thumb ? 0 : id);
	add32(c, i.alg_id);
	add32(c, i.flags);
	add32(c, a.bit_len);
	add32(c, (a.bit_len + 7) / 8);
	add_bytes(c, t, i.thumb.cb);
	add_bytes(c, n, i.name.cb);
	add32(c, 0); /* a library tells no URI */
	return 0;
}

static int export_key(struct conn *c, const ekm_data *thumb)
{
	uint8_t b[EKM_MAX_BLOB];
	ekm_data blob = {0, NULL};
	int code = api.SqlCryptExportKey(&c->slot, thumb, NULL, EKM_BLOB_PUBLIC, &blob);
	if (code == EKM_SMALL_BUFFER && blob.cb <= sizeof b) {
		blob.pb = b;
		code = api.SqlCryptExportKey(&c->slot, thumb, NULL, EKM_BLOB_PUBLIC, &blob);
	}
	if (code || blob.pb != b || blob.cb > sizeof b)
		return code ? code : EKM_FAILURE;
	add_bytes(c, b, blob.cb);
	return 0;
}

static int transform(struct conn *c, bool encrypt, const ekm_data *thumb, const ekm_data *in)
{
	int (*f)(const ekm_session *, const ekm_data *, uint8_t, const ekm_enc_param *, uint32_t, const ekm_data *, ekm_data *) =
		encrypt ? api.SqlCryptEncrypt : api.SqlCryptDecrypt;
	uint8_t b[EKM_MAX_BLOB];
	ekm_data out = {0, NULL};
	int code = f(&c->slot, thumb, 1, NULL, 0, in, &out);
	if (code == EKM_SMALL_BUFFER && out.cb <= sizeof b) {
		out.pb = b;
		code = f(&c->slot, thumb, 1, NULL, 0, in, &out);
	}
	if (!code && (out.pb != b || out.cb > sizeof b))
		code = EKM_FAILURE;
	if (!code)
		add_bytes(c, b, out.cb);
	explicit_bzero(b, sizeof b);
	return code;
}

/* ---- requests ---- */

static int open_session(struct conn *c, struct body *b, bool *undone)
{
	uint32_t flags = take32(b);
	ekm_credential cred = {take_text(b, 0, 8000), take_text(b, 0, 16384)};
	take_text(b, 0, 8000); /* the credential's name: the interface does not carry it */
	if (!whole(b) || flags & ~3u || c->open) {
		*undone = true;
		return EKM_BAD_ARGUMENT;
	}
	int code = api.SqlCryptOpenSession(flags & 1 ? &cred : NULL, &c->slot);
	pthread_mutex_lock(&c->lock);
	c->open = code == 0;
	pthread_mutex_unlock(&c->lock);
	return code;
}

static int close_session(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	bool was = c->open && !c->aborted;
	c->open = false;
	pthread_mutex_unlock(&c->lock);
	return was ? api.SqlCryptCloseSession(&c->slot, 0) : 0;
}

static int manage(struct conn *c, uint16_t op, struct body *b, bool *undone)
{
	uint8_t t[EKM_MAX_THUMBPRINT];
	ekm_data thumb = {sizeof t, t};
	int code = EKM_BAD_ARGUMENT;
	*undone = true;
	if (op == DROP_KEY) {
		thumb = take(b, 1, EKM_MAX_THUMBPRINT);
		if (whole(b)) {
			*undone = false;
			code = api.SqlCryptDropKey(&c->slot, &thumb);
		}
		return code;
	}
	uint32_t first = take32(b), flags = take32(b);
	ekm_str name = take_text(b, 2, EKM_MAX_KEY_NAME);
	if (op == CREATE_KEY) {
		if (!whole(b))
			return code;
		*undone = false;
		if ((code = api.SqlCryptCreateKey(&c->slot, &name, first, flags, &thumb)) != 0)
			return code;
	} else {
		ekm_data with = take(b, 0, EKM_MAX_THUMBPRINT), blob = take(b, 1, EKM_MAX_BLOB);
		if (!whole(b))
			return code;
		/* The interface tells no thumbprint of what was imported, so the frame could not either. */
		(void)with;
		(void)blob;
		return EKM_NOT_SUPPORTED;
	}
	if (!thumb.cb || thumb.cb > sizeof t)
		return EKM_FAILURE;
	add_bytes(c, t, thumb.cb);
	return 0;
}

static int on_key(struct conn *c, uint16_t op, struct body *b, bool *undone)
{
	ekm_str name = {0, NULL};
	ekm_data thumb = {0, NULL}, data = {0, NULL};
	uint32_t id = 0;
	switch (op) {
	case KEY_BY_NAME:
		name = take_text(b, 2, EKM_MAX_KEY_NAME);
		break;
	case KEY_NEXT:
	case KEY_BY_ID:
		id = take32(b);
		break;
	default:
		thumb = take(b, 1, EKM_MAX_THUMBPRINT);
	}
	if (op == WRAP || op == UNWRAP)
		data = take(b, 1, EKM_MAX_BLOB);
	if (op == UNWRAP)
		take(b, 0, 128); /* the algorithm: the interface does not carry it */
	if (!whole(b)) {
		*undone = true;
		return EKM_BAD_ARGUMENT;
	}
	switch (op) {
	case KEY_BY_NAME:
		return key(c, &name, NULL, 0);
	case KEY_BY_THUMB:
		return key(c, NULL, &thumb, 0);
	case KEY_NEXT: {
		int code = api.SqlCryptGetNextKeyId(&c->slot, &id);
		return code ? code : key(c, NULL, NULL, id);
	}
	case KEY_BY_ID:
		return key(c, NULL, NULL, id);
	case PUBLIC_KEY:
		return export_key(c, &thumb);
	}
	int code = transform(c, op == WRAP, &thumb, &data);
	if (!code && op == WRAP)
		add32(c, 0); /* no algorithm is told */
	return code;
}

static int hello(struct conn *c, struct body *b)
{
	if (b->left < 20 || memcmp(b->p, "LATCHKEY", 8) != 0 || get16(b->p + 8) > 1 || get16(b->p + 10) < 1)
		return PROTOCOL;
	uint8_t head[40] = "LATCHKEY";
	put16(head + 8, 1);
	put32(head + 16, BODY);
	put32(head + 20, 60000);
	memcpy(head + 24, instance, sizeof instance);
	add(c, head, sizeof head);
	add_bytes(c, "loader", 6);
	return 0;
}

/* answer makes the response to the request in c->in; false ends the connection after it. */
static bool answer(struct conn *c, bool *greeted, size_t length)
{
	uint16_t op = get16(c->in + 4);
	struct body b = {c->in + HEADER, length, false};
	bool undone = false, more = true;
	int code;
	c->len = HEADER;
	if (!*greeted) {
		code = op == HELLO ? hello(c, &b) : PROTOCOL;
		*greeted = code == 0;
		undone = code != 0;
		more = *greeted;
	} else if (op == HELLO || op > PING || op == 0) {
		code = op == HELLO ? EKM_BAD_ARGUMENT : EKM_NOT_SUPPORTED;
		undone = true;
	} else if ((op == INFO || op == ALGORITHMS || op == PING || op == CLOSE) && length) {
		code = EKM_BAD_ARGUMENT;
		undone = true;
	} else if (op == INFO) {
		code = info(c);
	} else if (op == ALGORITHMS) {
		code = algorithms(c);
	} else if (op == PING) {
		uint8_t zero[24] = {0};
		add(c, zero, sizeof zero);
		code = 0;
	} else if (op == CLOSE) {
		code = close_session(c);
		more = false;
	} else if (op == OPEN) {
		code = open_session(c, &b, &undone);
	} else if (!c->open) {
		code = EKM_BAD_ARGUMENT;
		undone = true;
	} else if (op == CREATE_KEY || op == DROP_KEY || op == IMPORT_KEY) {
		code = manage(c, op, &b, &undone);
	} else {
		code = on_key(c, op, &b, &undone);
	}
	if (code < 0 || code == EKM_SMALL_BUFFER)
		code = EKM_FAILURE; /* a question for sizes is settled here */
	if (code) {
		explicit_bzero(c->out + HEADER, c->len - HEADER);
		c->len = HEADER;
		for (int k = 0; k < 6; k++)
			add32(c, 0); /* class, status, retry after, sent, text, reason: a library tells the code alone */
	}
	put32(c->out, (uint32_t)(c->len - HEADER));
	put16(c->out + 4, op | 0x8000u);
	put16(c->out + 6, undone ? NOT_DONE : 0);
	memcpy(c->out + 8, c->in + 8, 4);
	put32(c->out + 12, (uint32_t)code);
	return more;
}

/* ---- connections ---- */

static bool receive(int fd, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t m = recv(fd, p, n, 0);
		if (m < 0 && errno == EINTR)
			continue;
		if (m <= 0)
			return false;
		p += m;
		n -= (size_t)m;
	}
	return true;
}

static bool transmit(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t m = send(fd, p, n, MSG_NOSIGNAL);
		if (m < 0 && errno == EINTR)
			continue;
		if (m <= 0)
			return false;
		p += m;
		n -= (size_t)m;
	}
	return true;
}

/* watch waits until the client goes away. A call that runs then is cut off by closing its session from here. */
static void *watch(void *p)
{
	struct conn *c = p;
	struct pollfd f = {c->fd, POLLRDHUP, 0};
	while (poll(&f, 1, -1) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&c->lock);
	bool abort = c->open && c->calling && !c->ending;
	c->aborted = c->aborted || abort;
	pthread_mutex_unlock(&c->lock);
	if (abort)
		api.SqlCryptCloseSession(&c->slot, 1);
	return NULL;
}

static void *serve(void *p)
{
	struct conn *c = p;
	bool greeted = false, more = true;
	pthread_t watcher;
	bool watched = pthread_create(&watcher, NULL, watch, c) == 0;
	while (more && watched && receive(c->fd, c->in, HEADER)) {
		uint32_t length = get32(c->in);
		if (length > BODY || !receive(c->fd, c->in + HEADER, length))
			break;
		pthread_mutex_lock(&c->lock);
		c->calling = true;
		pthread_mutex_unlock(&c->lock);
		more = answer(c, &greeted, length);
		pthread_mutex_lock(&c->lock);
		c->calling = false;
		more = more && !c->aborted;
		pthread_mutex_unlock(&c->lock);
		bool sent = transmit(c->fd, c->out, c->len);
		explicit_bzero(c->in, HEADER + length);
		explicit_bzero(c->out, c->len);
		if (!sent)
			break;
	}
	pthread_mutex_lock(&c->lock);
	c->ending = true;
	pthread_mutex_unlock(&c->lock);
	shutdown(c->fd, SHUT_RDWR); /* wakes the watcher */
	if (watched)
		pthread_join(watcher, NULL);
	close_session(c);
	close(c->fd);
	pthread_mutex_destroy(&c->lock);
	explicit_bzero(c, sizeof *c);
	munmap(c, sizeof *c);
	pthread_mutex_lock(&counts);
	connections--;
	pthread_mutex_unlock(&counts);
	return NULL;
}

static void *accept_all(void *p)
{
	pthread_attr_t detached;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	for (;;) {
		int fd = accept4(LISTENER, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
				usleep(10000);
				continue;
			}
			_exit(5);
		}
		pthread_mutex_lock(&counts);
		bool room = connections < CONNECTIONS;
		connections += room;
		pthread_mutex_unlock(&counts);
		/* Its own pages, which dumps leave out: credentials and keys pass through them. */
		struct conn *c = !room ? MAP_FAILED : mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pthread_t t;
		if (c != MAP_FAILED) {
			madvise(c, sizeof *c, MADV_DONTDUMP);
			c->fd = fd;
			pthread_mutex_init(&c->lock, NULL);
			if (pthread_create(&t, &detached, serve, c) == 0)
				continue;
			munmap(c, sizeof *c);
		}
		close(fd);
		if (room) {
			pthread_mutex_lock(&counts);
			connections--;
			pthread_mutex_unlock(&counts);
		}
	}
	return p;
}

static int fail(const char *what, const char *why, int code)
{
	printf("%s %s\n", what, why);
	fflush(stdout);
	return code;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {
#define X(number, name, parameters) #name,
		EKM_EXPORTS(X)
#undef X
	};
	char number[16];
	if (argc != 2)
		return fail("load", "usage: latchkey-ekm-loader LIBRARY", 2);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	void *lib = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return fail("load", dlerror(), 3);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		void *f = dlsym(lib, names[i]);
		memcpy((uint8_t *)&api + i * sizeof f, &f, sizeof f);
		snprintf(number, sizeof number, "%zu", i + 1);
		if (!f)
			return fail("missing", number, 3);
	}
	if (getrandom(instance, sizeof instance, 0) != sizeof instance)
		return fail("load", "no randomness", 3);
	int code = api.SqlCryptInitializeProvider();
	snprintf(number, sizeof number, "%d", code);
	if (code)
		return fail("initialize", number, 4);
	pthread_t t;
	if (pthread_create(&t, NULL, accept_all, NULL))
		return fail("load", "no threads", 3);
	puts("ready");
	fflush(stdout);
	for (char b[64];;) { /* until the parent goes */
		ssize_t n = read(0, b, sizeof b);
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
	}
	_exit(0); /* what connections hold is the system's to take back; the library is not called any more */
}
