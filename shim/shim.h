/* What the library's files share. Each function is described here, once.
 *
 * exports.c   the 17 functions and the answers to questions for sizes
 * caller.c    what the caller hands over, checked and copied
 * builtin.c   what the agent says of the provider, for when there is none
 * frame.c     bytes of requests and responses (docs/formats/agent-frames.md)
 * call.c      a request's way: connect, say hello, open, send, read, what may be sent again
 * session.c   the table of sessions
 * os_*.c      what differs between systems: memory, locks, time, the connection, settings
 *
 * Rules that hold everywhere: no pointer of the caller is used but by os_read and os_write; no lock is held while something
 * waits; nothing waits longer than its deadline; nothing is allocated but sessions, of which there are at most MAX_SESSIONS. */
#ifndef LATCHKEY_SHIM_H
#define LATCHKEY_SHIM_H

#include <stdatomic.h>
#include <stdbool.h>

#include "abi.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
typedef SRWLOCK os_lock;
typedef CONDITION_VARIABLE os_cond;
#define OS_LOCK_INIT SRWLOCK_INIT
#define OS_MAX_ADDRESS 256
#else
#include <pthread.h>
typedef pthread_mutex_t os_lock;
typedef pthread_cond_t os_cond;
#define OS_LOCK_INIT PTHREAD_MUTEX_INITIALIZER
#define OS_MAX_ADDRESS 108 /* what sockaddr_un holds */
#endif

/* Codes of the protocol, docs/codes.md. */
enum {
	AGENT_ABSENT = 5001,  /* no agent; nothing was done */
	AGENT_LATE = 5002,    /* no response within the deadline */
	AGENT_UNKNOWN = 5003, /* the connection broke in a request that must not be sent twice */
	AGENT_FOREIGN = 5004, /* who listens is not the agent; nothing was sent */
	AGENT_GARBLED = 5005, /* not this protocol */
	AGENT_LIMIT = 5006,   /* too many sessions */
};

enum {
	MAX_SESSIONS = 8192,
	MAX_IDENTITY = 8000,
	MAX_SECRET = 16384,
	MAX_PAYLOAD = 2048,   /* plaintexts and blobs */
	MAX_BODY = 32768,     /* of any frame */
	FRAME_ROOM = 8192,    /* of a body that is kept: all known fields fit, what a newer agent adds behind them is read and dropped */
	FRAME_HEADER = 16,

	DEADLINE = 35000,     /* of a call, in ms; a setting */
	DEADLINE_MIN = 1000,
	DEADLINE_MAX = 60000,
	DEADLINE_HELLO = 5000,
	DEADLINE_GRACE = 1000, /* for a response that is on its way when the deadline ends */
	CONNECT_WAIT = 5000,  /* for an agent that is not there yet */
	CONNECT_PAUSE = 50,
	WAIT_SLICE = 50,      /* how soon a call notices that its session was aborted */
};

/* ---- os: memory ---- */

/* os_read and os_write copy n bytes from or to memory of the caller, and fail instead of faulting where there is none. */
bool os_read(void *to, const void *caller, size_t n);
bool os_write(const void *caller, const void *from, size_t n);
/* os_alloc gives zeroed memory that is kept out of swap and dumps where the system lets it; os_free overwrites it first. */
void *os_alloc(size_t n);
void os_free(void *p, size_t n);
void wipe(void *p, size_t n);
#ifdef _WIN32
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *p, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#else
#include <string.h>
#endif

/* ---- what the caller hands over ---- */

/* in_bytes copies a counted buffer of at least min and at most max bytes; in_text does the same with UTF-16. */
bool in_bytes(uint8_t *to, uint32_t *len, const ekm_data *caller, uint32_t min, uint32_t max);
bool in_text(uint8_t *to, uint32_t *len, const ekm_str *caller, uint32_t min, uint32_t max);
/* FIELD is the address of a member of a structure of the caller, which must not be computed by using it. */
void *field(const void *base, size_t at);
#define FIELD(base, type, member) field(base, offsetof(type, member))
bool out_u32(const void *to, uint32_t v);
/* tell_size tells at cb how many bytes are needed; out_bytes fills a counted buffer, or tells what it needs. */
int tell_size(const void *cb, uint32_t need);
int out_bytes(ekm_data *caller, const uint8_t *from, uint32_t n);
/* call_deadline is when a call that begins now has to have ended. */
uint64_t call_deadline(void);

/* ---- os: time and locks. Times are milliseconds of a clock that does not jump. ---- */

uint64_t os_now(void);
void os_sleep(uint32_t ms);
void os_take(os_lock *l);
void os_give(os_lock *l);
void os_cond_init(os_cond *c);
void os_cond_end(os_cond *c);
void os_wait(os_cond *c, os_lock *l, uint64_t until); /* may return early */
void os_wake_all(os_cond *c);

/* ---- os: settings and the connection ---- */

struct settings {
	bool valid; /* false: the address cannot be used */
	uint32_t deadline;
#ifdef _WIN32
	WCHAR address[OS_MAX_ADDRESS], image[MAX_PATH];
	uint8_t owner[68]; /* a SID, or zeros */
#else
	char address[OS_MAX_ADDRESS];
#endif
};

/* os_settings reads them from the environment or the registry. */
void os_settings(struct settings *to);

/* A connection's handle; zero is none. */
struct stream {
#ifdef _WIN32
	HANDLE pipe, event;
#else
	int fd_plus_1;
#endif
};

enum io { IO_OK, IO_BROKEN, IO_LATE, IO_STOPPED };

/* os_connect tries once, and waits no longer than CONNECT_PAUSE. It gives 0, AGENT_ABSENT (try again) or AGENT_FOREIGN. */
int os_connect(struct stream *s, const struct settings *set);
/* os_send and os_recv move n bytes or say why not; done counts what was moved. They end early when stop becomes true. */
enum io os_send(struct stream *s, const uint8_t *p, size_t n, uint64_t until, atomic_bool *stop, size_t *done);
enum io os_recv(struct stream *s, uint8_t *p, size_t n, uint64_t until, atomic_bool *stop, size_t *done);
/* os_quiet reports whether the other end is there and has sent nothing unasked. */
bool os_quiet(struct stream *s);
void os_disconnect(struct stream *s);

/* ---- frames ---- */

enum {
	OP_HELLO = 1,
	OP_INFO,
	OP_ALGORITHMS,
	OP_OPEN,
	OP_CLOSE,
	OP_KEY_BY_NAME,
	OP_KEY_BY_THUMB,
	OP_KEY_NEXT,
	OP_KEY_BY_ID,
	OP_PUBLIC_KEY,
	OP_WRAP,
	OP_UNWRAP,
	OP_CREATE_KEY,
	OP_DROP_KEY,
	OP_IMPORT_KEY,
};

enum { REQUEST_REPEAT = 1, RESPONSE_NOT_DONE = 1, RESPONSE_GOING = 2, OPEN_CREDENTIAL = 1, OPEN_REOPEN = 2 };

/* A frame that is being written (len counts what was put, header included) or read (at is the next field). Putting or getting more
 * than there is sets bad and gives zeros, so one check at the end is enough. */
struct frame {
	uint32_t len, at;
	bool bad;
	uint16_t op, flags;
	int32_t code;
	uint8_t b[FRAME_HEADER + FRAME_ROOM];
};

void frame_new(struct frame *f, uint16_t op);
void put_u16(struct frame *f, uint16_t v);
void put_u32(struct frame *f, uint32_t v);
void put_raw(struct frame *f, const void *p, uint32_t n);
void put_bytes(struct frame *f, const void *p, uint32_t n);
uint8_t get_u8(struct frame *f);
uint16_t get_u16(struct frame *f);
uint32_t get_u32(struct frame *f);
/* get_bytes copies a field of at least min and at most max bytes to p and gives its length. */
uint32_t get_bytes(struct frame *f, void *p, uint32_t min, uint32_t max);
void get_raw(struct frame *f, void *p, uint32_t n);
void store_u16(uint8_t *p, uint16_t v);
void store_u32(uint8_t *p, uint32_t v);
uint16_t load_u16(const uint8_t *p);
uint32_t load_u32(const uint8_t *p);
/* frame_head writes the header of a request of n bytes in all. */
void frame_head(uint8_t *p, uint32_t n, uint16_t op, uint16_t flags, uint32_t id, uint32_t deadline);

struct key {
	uint32_t id, alg, flags, bits, size, thumb_len, name_len;
	uint8_t thumb[EKM_MAX_THUMBPRINT], name[EKM_MAX_KEY_NAME];
};

struct provider {
	bool known;
	ekm_provider_info info; /* name.ws is not used */
	uint8_t name[EKM_MAX_FRIENDLY_NAME];
};

enum { MAX_ALGORITHMS = 32 };
struct algorithms {
	bool known;
	uint32_t count;
	struct algorithm {
		uint32_t id, asymmetric, bits, iv_bits, tag_len;
		uint8_t tag[EKM_MAX_TAG];
	} list[MAX_ALGORITHMS];
};

/* The decoders give false for bytes that are none of theirs. */
bool get_key(struct frame *f, struct key *to);
bool get_provider(struct frame *f, struct provider *to);
bool get_algorithms(struct frame *f, struct algorithms *to);
/* What the agent says, as it was when this library was built. */
void builtin_provider(struct provider *to);
void builtin_algorithms(struct algorithms *to);

/* ---- sessions ---- */

struct conn {
	struct stream stream;
	bool open;
	bool sent;   /* a byte of the last request was written */
	uint32_t id; /* of the last request */
};

struct session {
	uint64_t handle;
	uint32_t users;  /* who holds or waits for it; under the table's lock, like the next two */
	bool busy, closing;
	os_cond freed;
	atomic_bool stop;

	/* The rest belongs to whoever made it busy. */
	struct conn conn;
	struct {
		uint16_t op; /* 0: nothing is kept */
		uint32_t arg_len;
		uint8_t arg[EKM_MAX_KEY_NAME];
		uint64_t until;
		struct key key;
		uint32_t blob_len;
		uint8_t blob[EKM_MAX_BLOB];
	} kept; /* the answer to a question for sizes, for the call that follows */

	uint32_t size, open_len; /* of this memory; of the OPEN request that follows */
	uint8_t open_frame[];
};

/* session_begin makes a busy session with room for an OPEN request. It gives 0, AGENT_LIMIT or EKM_FAILURE (no memory). */
int session_begin(struct session **to, uint32_t open_len);
/* session_take makes the session of a slot busy, waiting for others if it must; session_give ends that. */
int session_take(struct session **to, const ekm_session *slot, uint64_t until);
void session_give(struct session *s);
/* session_close takes it out of the table; it ends when its last user gives it back, with abort soon. */
int session_close(const ekm_session *slot, bool abort);
/* sessions_end aborts all and waits up to wait ms for calls in flight. */
void sessions_end(uint32_t wait);
/* How long a ciphertext under a key is: it depends on the thumbprint alone. 0 if not known. */
uint32_t size_of(const uint8_t *thumb, uint32_t len);
void size_learn(const struct key *k);
/* What was learnt of the provider, under the table's lock, and the settings. */
void global_settings(struct settings *to);
/* global_start reads the settings anew, and with count counts a start; global_end takes one off and says whether it was the last. */
void global_start(bool count);
bool global_end(void);
bool global_provider(struct provider *p, bool store);
bool global_algorithms(struct algorithms *a, bool store);
/* Calls without a session are counted, so that sessions_end can wait for them, and end when stop is set. */
atomic_bool *global_enter(void);
void global_leave(void);

/* ---- calls ---- */

/* call_session sends a request over the session's connection, made anew if it must be, and reads the response. */
int call_session(struct session *s, struct frame *request, struct frame *response, uint64_t until);
/* call_open connects and opens the session: its first call. */
int call_open(struct session *s, uint64_t until);
/* call_once sends a request that needs no session, if an agent is there at once. */
int call_once(uint16_t op, struct frame *response, uint64_t until, atomic_bool *stop);

#endif
