/* A request's way. A connection is a session: it begins with HELLO and OPEN, and where it is gone, the next call makes another. */
#include "shim.h"

#ifndef SHIM_VERSION
#define SHIM_VERSION "0.0.0"
#endif

static const char client[] = "latchkey-ekm " SHIM_VERSION;
static const char magic[8] = {'L', 'A', 'T', 'C', 'H', 'K', 'E', 'Y'};

/* What became of a request. */
enum fate {
	ANSWERED, /* the response is there */
	UNSENT,   /* the connection was broken and no byte was written */
	LOST,     /* it broke afterwards */
	ENDED,    /* the call ends with a code */
};

static void conn_close(struct conn *c)
{
	if (c->open)
		os_disconnect(&c->stream);
	c->open = false;
	c->id = 0;
}

/* refuse ends a call and the connection, of which nobody knows what would come next. */
static enum fate refuse(struct conn *c, int *code, int why)
{
	conn_close(c);
	*code = why;
	return ENDED;
}

static enum fate io_fate(struct conn *c, enum io how, size_t done, int *code)
{
	if (how == IO_LATE)
		return refuse(c, code, AGENT_LATE);
	if (how == IO_STOPPED)
		return refuse(c, code, EKM_FAILURE);
	conn_close(c);
	return done ? LOST : UNSENT;
}

/* exchange sends the n bytes of a request, whose header it fills in, and reads the response. */
static enum fate exchange(struct conn *c, uint8_t *request, uint32_t n, uint16_t op, uint16_t flags, struct frame *response,
			  uint64_t until, atomic_bool *stop, int *code)
{
	uint64_t now = os_now();
	size_t done;
	enum io how;

	c->sent = false;
	if (now >= until)
		return refuse(c, code, AGENT_LATE);
	frame_head(request, n, op, flags, ++c->id, (uint32_t)(until - now));
	until += DEADLINE_GRACE;
	how = os_send(&c->stream, request, n, until, stop, &done);
	c->sent = done > 0;
	if (how != IO_OK)
		return io_fate(c, how, done, code);

	uint8_t head[FRAME_HEADER];
	how = os_recv(&c->stream, head, sizeof head, until, stop, &done);
	if (how != IO_OK) {
		if (how == IO_BROKEN && done)
			return refuse(c, code, AGENT_GARBLED);
		return io_fate(c, how, 1, code);
	}
	uint32_t body = load_u32(head);
	frame_new(response, op);
	response->at = FRAME_HEADER;
	response->flags = load_u16(head + 6);
	response->code = (int32_t)load_u32(head + 12);
	if (body > MAX_BODY || load_u16(head + 4) != (op | 0x8000) || load_u32(head + 8) != c->id)
		return refuse(c, code, AGENT_GARBLED);

	uint32_t keep = body < FRAME_ROOM ? body : FRAME_ROOM;
	how = os_recv(&c->stream, response->b + FRAME_HEADER, keep, until, stop, &done);
	response->len += keep;
	for (uint8_t rest[256]; how == IO_OK && body > keep;) {
		uint32_t part = body - keep < sizeof rest ? body - keep : (uint32_t)sizeof rest;
		how = os_recv(&c->stream, rest, part, until, stop, &done);
		wipe(rest, part);
		body -= part;
	}
	if (how != IO_OK)
		return io_fate(c, how, 1, code);
	if (response->flags & RESPONSE_GOING)
		conn_close(c);
	/* Code 2 has a meaning for the caller's buffers, of which the agent knows nothing. */
	*code = response->code == EKM_SMALL_BUFFER ? AGENT_GARBLED : response->code;
	return ANSWERED;
}

/* hello makes a connection one that speaks this protocol. */
static enum fate hello(struct conn *c, struct frame *f, uint64_t until, atomic_bool *stop, int *code)
{
	uint64_t soon = os_now() + DEADLINE_HELLO;
	char echo[sizeof magic];

	frame_new(f, OP_HELLO);
	put_raw(f, magic, sizeof magic);
	put_u16(f, 1);
	put_u16(f, 1);
	put_u32(f, 0);
	put_bytes(f, client, sizeof client - 1);
	enum fate fate = exchange(c, f->b, f->len, OP_HELLO, 0, f, soon < until ? soon : until, stop, code);
	if (fate != ANSWERED)
		return fate;
	if (*code) { /* one that is leaving is as good as absent */
		bool leaving = (f->flags & RESPONSE_GOING) && (f->flags & RESPONSE_NOT_DONE);
		conn_close(c);
		return leaving ? UNSENT : ENDED;
	}
	get_raw(f, echo, sizeof echo);
	if (f->bad || memcmp(echo, magic, sizeof magic) != 0 || get_u16(f) != 1 || f->bad)
		return refuse(c, code, AGENT_GARBLED);
	return ANSWERED;
}

/* begin connects and says hello, once. */
static enum fate begin(struct conn *c, const struct settings *set, struct frame *f, uint64_t until, atomic_bool *stop, int *code)
{
	conn_close(c);
	*code = set->valid ? os_connect(&c->stream, set) : AGENT_ABSENT;
	if (*code == AGENT_ABSENT && set->valid)
		return UNSENT;
	if (*code)
		return ENDED;
	c->open = true;
	return hello(c, f, until, stop, code);
}

/* establish gives the session a connection, waiting a while for an agent that starts, stops or leaves. It gives 0 or the call's code. */
static int establish(struct session *s, struct frame *f, uint64_t until)
{
	struct settings set;
	uint64_t wait = os_now() + CONNECT_WAIT;
	int code = AGENT_ABSENT;

	if (wait > until)
		wait = until;
	global_settings(&set);
	for (bool first = true;; first = false) {
		if (atomic_load(&s->stop))
			return EKM_FAILURE;
		enum fate fate = begin(&s->conn, &set, f, until, &s->stop, &code);
		if (fate == ANSWERED && s->conn.open) /* not GOING */
			fate = exchange(&s->conn, s->open_frame, s->open_len, OP_OPEN, 0, f, until, &s->stop, &code);
		if (fate == ENDED)
			return code;
		if (fate == ANSWERED && s->conn.open && code) {
			conn_close(&s->conn);
			return code;
		}
		if (fate == ANSWERED && s->conn.open) {
			store_u32(s->open_frame + FRAME_HEADER, load_u32(s->open_frame + FRAME_HEADER) | OPEN_REOPEN);
			return 0;
		}
		/* Absent, broken, or leaving: another may be there. */
		if (fate == ANSWERED && code && !(f->flags & RESPONSE_NOT_DONE))
			return code;
		if (os_now() >= wait)
			return AGENT_ABSENT;
		if (!first || fate != ANSWERED)
			os_sleep(CONNECT_PAUSE);
	}
}

int call_open(struct session *s, uint64_t until)
{
	struct frame f;
	int code = establish(s, &f, until);
	wipe(&f, sizeof f);
	return code;
}

static bool once_only(uint16_t op)
{
	return op == OP_CREATE_KEY || op == OP_DROP_KEY || op == OP_IMPORT_KEY;
}

int call_session(struct session *s, struct frame *request, struct frame *response, uint64_t until)
{
	struct conn *c = &s->conn;
	uint16_t flags = 0;
	int code;

	if (request->bad)
		return EKM_BAD_ARGUMENT;
	for (int broken = 0, left = 0;;) {
		if (!c->open || !os_quiet(&c->stream)) {
			conn_close(c);
			code = establish(s, response, until);
			if (code)
				return code;
		}
		enum fate fate = exchange(c, request->b, request->len, request->op, flags, response, until, &s->stop, &code);
		switch (fate) {
		case ANSWERED:
			if ((response->flags & RESPONSE_GOING) && (response->flags & RESPONSE_NOT_DONE) && left++ < 2)
				continue;
			return code;
		case ENDED:
			return once_only(request->op) && c->sent ? AGENT_UNKNOWN : code;
		case LOST:
			if (once_only(request->op))
				return AGENT_UNKNOWN;
			flags = REQUEST_REPEAT;
			break;
		case UNSENT:
			break;
		}
		if (broken++)
			return AGENT_ABSENT;
	}
}

int call_once(uint16_t op, struct frame *f, uint64_t until, atomic_bool *stop)
{
	struct conn c = {0};
	struct settings set;
	int code;

	global_settings(&set);
	enum fate fate = begin(&c, &set, f, until, stop, &code);
	if (fate == ANSWERED && c.open) {
		frame_new(f, op);
		fate = exchange(&c, f->b, f->len, op, 0, f, until, stop, &code);
	}
	conn_close(&c);
	return fate == ANSWERED ? code : fate == ENDED ? code : AGENT_ABSENT;
}
