/* The table of sessions, and what little the library remembers besides. The one lock here is held for a few instructions at a time,
 * never while something waits for the agent or for memory of the caller. */
#include "shim.h"

enum { SIZES = 128 };

static struct {
	os_lock lock;
	uint64_t serial;            /* of the last session: a handle is never given out twice */
	uint32_t hint;              /* where to look for a free slot */
	uint32_t running;           /* calls in flight */
	uint32_t starts;            /* initialised and not freed: a registration may come and go beside one that is in use */
	atomic_bool stop;           /* ends calls without a session */
	bool have_settings;
	struct settings settings;
	struct provider provider;
	struct algorithms algorithms;
	uint32_t next_size;
	struct {
		uint32_t size, len;
		uint8_t thumb[EKM_MAX_THUMBPRINT];
	} sizes[SIZES]; /* a ring */
	struct session *sessions[MAX_SESSIONS];
} g = {.lock = OS_LOCK_INIT};

/* A handle is serial << 16 | index + 1, so that an old, forged or foreign one names nothing. */
enum { INDEX_BITS = 16 };

static struct session *find(uint64_t handle)
{
	uint64_t i = (handle & ((1u << INDEX_BITS) - 1)) - 1;
	if (i >= MAX_SESSIONS || !g.sessions[i] || g.sessions[i]->handle != handle)
		return NULL;
	return g.sessions[i];
}

static void forget(const struct session *s)
{
	g.sessions[(s->handle & ((1u << INDEX_BITS) - 1)) - 1] = NULL;
}

static void end(struct session *s)
{
	if (s->conn.open)
		os_disconnect(&s->conn.stream);
	os_cond_end(&s->freed);
	os_free(s, s->size);
}

int session_begin(struct session **to, uint32_t open_len)
{
	uint32_t size = (uint32_t)sizeof(struct session) + open_len;
	struct session *s = os_alloc(size);
	if (!s)
		return EKM_FAILURE;
	s->size = size;
	s->open_len = open_len;
	s->users = 1;
	s->busy = true;
	os_cond_init(&s->freed);
	os_take(&g.lock);
	for (uint32_t n = 0; n < MAX_SESSIONS; n++) {
		uint32_t i = (g.hint + n) % MAX_SESSIONS;
		if (g.sessions[i])
			continue;
		s->handle = ++g.serial << INDEX_BITS | (i + 1);
		g.sessions[i] = s;
		g.hint = i + 1;
		g.running++;
		os_give(&g.lock);
		*to = s;
		return 0;
	}
	os_give(&g.lock);
	end(s);
	return AGENT_LIMIT;
}

int session_take(struct session **to, const ekm_session *slot, uint64_t until)
{
	uint64_t handle;
	if (!os_read(&handle, slot, sizeof handle))
		return EKM_BAD_ARGUMENT;
	os_take(&g.lock);
	struct session *s = find(handle);
	if (!s) {
		os_give(&g.lock);
		return EKM_BAD_ARGUMENT;
	}
	int code = 0;
	s->users++;
	g.running++;
	while (s->busy && !s->closing && !code) {
		if (os_now() >= until)
			code = AGENT_LATE;
		else
			os_wait(&s->freed, &g.lock, until);
	}
	if (s->closing)
		code = EKM_FAILURE;
	if (code) {
		bool last = --s->users == 0;
		g.running--;
		os_give(&g.lock);
		if (last)
			end(s);
		return code;
	}
	s->busy = true;
	os_give(&g.lock);
	*to = s;
	return 0;
}

void session_give(struct session *s)
{
	os_take(&g.lock);
	s->busy = false;
	bool last = --s->users == 0 && s->closing;
	g.running--;
	if (!last)
		os_wake_all(&s->freed);
	os_give(&g.lock);
	if (last)
		end(s);
}

/* shut takes a session out of the table; it says whether the caller has to end it. */
static bool shut(struct session *s, bool abort)
{
	forget(s);
	s->closing = true;
	if (abort)
		atomic_store(&s->stop, true);
	os_wake_all(&s->freed);
	return s->users == 0;
}

int session_close(const ekm_session *slot, bool abort)
{
	uint64_t handle;
	if (!os_read(&handle, slot, sizeof handle))
		return EKM_BAD_ARGUMENT;
	os_take(&g.lock);
	struct session *s = find(handle);
	bool last = s && shut(s, abort);
	os_give(&g.lock);
	if (last)
		end(s);
	return s ? EKM_SUCCESS : EKM_BAD_ARGUMENT;
}

void sessions_end(uint32_t wait)
{
	uint64_t until = os_now() + wait;
	os_take(&g.lock);
	atomic_store(&g.stop, true);
	for (uint32_t i = 0; i < MAX_SESSIONS; i++) {
		struct session *s = g.sessions[i];
		if (s && shut(s, true)) {
			os_give(&g.lock);
			end(s);
			os_take(&g.lock);
		}
	}
	g.provider.known = false;
	g.algorithms.known = false;
	while (g.running && os_now() < until) {
		os_give(&g.lock);
		os_sleep(5);
		os_take(&g.lock);
	}
	os_give(&g.lock);
}

uint32_t size_of(const uint8_t *thumb, uint32_t len)
{
	uint32_t size = 0;
	os_take(&g.lock);
	for (uint32_t i = 0; i < SIZES && !size; i++)
		if (g.sizes[i].len == len && memcmp(g.sizes[i].thumb, thumb, len) == 0)
			size = g.sizes[i].size;
	os_give(&g.lock);
	return size;
}

void size_learn(const struct key *k)
{
	if (k->size == 0 || size_of(k->thumb, k->thumb_len))
		return;
	os_take(&g.lock);
	uint32_t i = g.next_size++ % SIZES;
	g.sizes[i].size = k->size;
	g.sizes[i].len = k->thumb_len;
	memcpy(g.sizes[i].thumb, k->thumb, k->thumb_len);
	os_give(&g.lock);
}

void global_start(bool count)
{
	struct settings set;
	os_settings(&set);
	os_take(&g.lock);
	g.settings = set;
	g.have_settings = true;
	g.starts += count;
	atomic_store(&g.stop, false);
	os_give(&g.lock);
}

bool global_end(void)
{
	os_take(&g.lock);
	bool last = g.starts <= 1;
	g.starts -= g.starts > 0;
	os_give(&g.lock);
	return last;
}

void global_settings(struct settings *to)
{
	for (;;) {
		os_take(&g.lock);
		bool have = g.have_settings;
		if (have)
			*to = g.settings;
		os_give(&g.lock);
		if (have)
			return;
		global_start(false);
	}
}

bool global_provider(struct provider *p, bool store)
{
	os_take(&g.lock);
	if (store)
		g.provider = *p;
	bool known = g.provider.known;
	if (known)
		*p = g.provider;
	os_give(&g.lock);
	return known;
}

bool global_algorithms(struct algorithms *a, bool store)
{
	os_take(&g.lock);
	if (store)
		g.algorithms = *a;
	bool known = g.algorithms.known;
	if (known)
		*a = g.algorithms;
	os_give(&g.lock);
	return known;
}

atomic_bool *global_enter(void)
{
	os_take(&g.lock);
	g.running++;
	os_give(&g.lock);
	return &g.stop;
}

void global_leave(void)
{
	os_take(&g.lock);
	g.running--;
	os_give(&g.lock);
}
