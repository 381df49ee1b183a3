/* The engine's calls, each with its question for sizes first, and many of them at once. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

int open_slot(struct out *o, ekm_session *slot, const char *identity, const char *secret)
{
	if (!identity)
		return CALL(o, api.SqlCryptOpenSession(NULL, slot));
	ekm_credential c = {text16(identity), text16(secret ? secret : "")};
	int code = CALL(o, api.SqlCryptOpenSession(&c, slot));
	/* What the library needs of it, it has copied. */
	for (uint32_t i = 0; i < c.password.cb; i++)
		((volatile uint8_t *)c.password.ws)[i] = 0xEE;
	memset(c.name.ws, 0xEE, c.name.cb);
	free(c.name.ws);
	free(c.password.ws);
	return code;
}

int provider_info(struct out *o)
{
	ekm_provider_info i;
	memset(&i, 0, sizeof i);
	rule(o, CALL(o, api.SqlCryptGetProviderInfo(&i)) == EKM_SMALL_BUFFER && i.name.cb > 0, "the first call asks for the name's size");
	uint32_t n = i.name.cb;
	i.name.ws = fenced(n);
	int code = CALL(o, api.SqlCryptGetProviderInfo(&i));
	if (!code) {
		say(o, " name=");
		for (uint32_t k = 0; k < i.name.cb; k += 2)
			say(o, "%c", i.name.ws[k] == ' ' ? '_' : i.name.ws[k]);
		say_hex(o, "guid", i.guid.bytes, 16);
		say(o, " version=%d.%d.%d.%d api=%d.%d.%d.%d auth=%d sym=%u asym=%u thumb=%u names=%d", i.provider_version.major,
		    i.provider_version.minor, i.provider_version.build, i.provider_version.revision, i.api_version.major,
		    i.api_version.minor, i.api_version.build, i.api_version.revision, i.auth_type, i.sym_flags, i.asym_flags,
		    i.max_thumb_len, i.accepts_key_name);
	}
	rule(o, unfence(i.name.ws, n), "nothing before a buffer may be written");
	return code;
}

int algorithm_info(struct out *o, uint32_t id)
{
	ekm_algorithm_info i;
	memset(&i, 0, sizeof i);
	int code = CALL(o, api.SqlCryptGetAlgorithmInfo(id, &i));
	if (code != EKM_SMALL_BUFFER)
		return code;
	uint32_t n = i.tag.cb;
	i.tag.ws = fenced(n);
	code = CALL(o, api.SqlCryptGetAlgorithmInfo(id, &i));
	if (!code) {
		say(o, " alg%u=", id);
		for (uint32_t k = 0; k < i.tag.cb; k += 2)
			say(o, "%c", i.tag.ws[k]);
		say(o, "/%u/%u/%d", i.bit_len, i.iv_len, i.key_type);
	}
	rule(o, unfence(i.tag.ws, n), "nothing before a buffer may be written");
	return code;
}

int algorithms(struct out *o)
{
	uint32_t id = 0, last = 0;
	int code;
	while ((code = CALL(o, api.SqlCryptGetNextAlgorithmId(&id))) == 0) {
		rule(o, id > last, "algorithms must be enumerated in increasing order");
		last = id;
		if (algorithm_info(o, id))
			return o->code;
	}
	if (code == EKM_NOT_FOUND)
		o->code = code = 0;
	return code;
}

int key_info(struct out *o, const ekm_session *slot, const char *name, const ekm_data *thumb, uint32_t id, ekm_data *found, uint32_t *alg)
{
	ekm_str n = text16(name ? name : "");
	ekm_key_info i;
	int code = 0;
	uint32_t name_room = 0, thumb_room = 0;
	memset(&i, 0, sizeof i);
	for (int round = 0; round < 2; round++) {
		code = name  ? CALL(o, api.SqlCryptGetKeyInfoByName(slot, &n, &i)) :
		       thumb ? CALL(o, api.SqlCryptGetKeyInfoByThumb(slot, thumb, &i)) :
			       CALL(o, api.SqlCryptGetKeyInfoByKeyId(slot, id, &i));
		if (round == 0 && code == EKM_SMALL_BUFFER) {
			i.name.ws = fenced(name_room = i.name.cb);
			i.thumb.pb = fenced(thumb_room = i.thumb.cb);
		} else {
			rule(o, round == 1 || code != 0, "the first call asks for sizes");
			break;
		}
	}
	free(n.ws);
	if (!i.thumb.pb)
		return code;
	if (!code) {
		say(o, " alg=%u flags=%u name_bytes=%u", i.alg_id, i.flags, i.name.cb);
		say_hex(o, "thumb", i.thumb.pb, i.thumb.cb);
		free(found->pb);
		found->cb = i.thumb.cb;
		found->pb = malloc(i.thumb.cb);
		memcpy(found->pb, i.thumb.pb, i.thumb.cb);
		*alg = i.alg_id;
	}
	rule(o, unfence(i.name.ws, name_room) && unfence(i.thumb.pb, thumb_room), "nothing before a buffer may be written");
	return code;
}

int keys(struct out *o, const ekm_session *slot)
{
	uint32_t id = 0, count = 0, alg;
	ekm_data thumb = {0};
	int code;
	while ((code = CALL(o, api.SqlCryptGetNextKeyId(slot, &id))) == 0 && count++ < 1000)
		if (key_info(o, slot, NULL, NULL, id, &thumb, &alg))
			break;
	free(thumb.pb);
	say(o, " count=%u", count);
	if (code == EKM_NOT_FOUND)
		o->code = code = 0;
	return code;
}

int export_key(struct out *o, const ekm_session *slot, const ekm_data *thumb)
{
	ekm_data blob = {0};
	int code = CALL(o, api.SqlCryptExportKey(slot, thumb, NULL, EKM_BLOB_PUBLIC, &blob));
	if (code != EKM_SMALL_BUFFER) {
		rule(o, code != 0, "the first call asks for the size");
		return code;
	}
	uint32_t n = blob.cb;
	blob.pb = fenced(n);
	code = CALL(o, api.SqlCryptExportKey(slot, thumb, NULL, EKM_BLOB_PUBLIC, &blob));
	if (!code)
		say_hex(o, "public", blob.pb, blob.cb);
	rule(o, unfence(blob.pb, n), "nothing before a buffer may be written");
	return code;
}

int transform(struct out *o, const ekm_session *slot, bool encrypt, const ekm_data *thumb, const ekm_data *in, ekm_data *result)
{
	ekm_data r = {0};
	int (*f)(const ekm_session *, const ekm_data *, uint8_t, const ekm_enc_param *, uint32_t, const ekm_data *, ekm_data *) =
		encrypt ? api.SqlCryptEncrypt : api.SqlCryptDecrypt;
	int code = CALL(o, f(slot, thumb, 1, NULL, 0, in, &r));
	if (code != EKM_SMALL_BUFFER) {
		rule(o, code != 0, "the first call asks for the size");
		return code;
	}
	uint32_t n = r.cb;
	r.pb = fenced(n);
	code = CALL(o, f(slot, thumb, 1, NULL, 0, in, &r));
	if (!code) {
		rule(o, r.cb <= n, "no more than the buffer holds");
		free(result->pb);
		result->cb = r.cb;
		result->pb = malloc(r.cb + 1);
		memcpy(result->pb, r.pb, r.cb);
	}
	rule(o, unfence(r.pb, n), "nothing before a buffer may be written");
	return code;
}

/* ---- many at once ---- */

enum { CODES = 32, THREADS = 256 };

/* What threads count: how often each code came. */
struct tally {
	int code[CODES];
	unsigned long times[CODES], total, wrong;
	double longest;
	bool broke;
};

static void count(struct tally *t, int code)
{
	int i = 0;
	t->total++;
	while (i < CODES - 1 && t->times[i] && t->code[i] != code)
		i++;
	t->code[i] = code;
	t->times[i]++;
}

struct worker {
	thread *t;
	int number, rounds;
	ekm_session *shared;
	const char *identity, *secret;
	ekm_data thumb, blob, plain;
	volatile bool *stop;
	double *times;
	struct tally tally;
};

static void report(struct out *o, struct worker *w, int n)
{
	struct tally all = {0};
	for (int i = 0; i < n; i++) {
		for (int k = 0; k < CODES && w[i].tally.times[k]; k++)
			for (unsigned long m = 0; m < w[i].tally.times[k]; m++)
				count(&all, w[i].tally.code[k]);
		all.wrong += w[i].tally.wrong;
		if (w[i].tally.longest > o->longest)
			o->longest = w[i].tally.longest;
		o->broke = o->broke || w[i].tally.broke;
	}
	o->calls += all.total;
	say(o, " wrong=%lu codes=", all.wrong);
	for (int k = 0; k < CODES && all.times[k]; k++)
		say(o, "%s%d:%lu", k ? "," : "", all.code[k], all.times[k]);
}

/* wrap_unwrap opens a session, or uses the one that all share, and sends random bytes there and back. */
static void wrap_unwrap(void *p)
{
	struct worker *w = p;
	struct out o = {0};
	ekm_session own, *s = w->shared ? w->shared : &own;
	unsigned state = (unsigned)w->number * 2654435761u + 1;
	for (int i = 0; i < w->rounds; i++) {
		if (!w->shared && i % 8 == 0) { /* sessions come and go */
			if (i)
				count(&w->tally, CALL(&o, api.SqlCryptCloseSession(s, 0)));
			int code = open_slot(&o, s, w->identity, w->secret);
			count(&w->tally, code);
			if (code)
				return;
		}
		uint8_t secret[32];
		for (size_t k = 0; k < sizeof secret; k++)
			secret[k] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
		ekm_data in = {sizeof secret, secret}, blob = {0}, back = {0};
		int code = transform(&o, s, true, &w->thumb, &in, &blob);
		count(&w->tally, code);
		if (!code) {
			code = transform(&o, s, false, &w->thumb, &blob, &back);
			count(&w->tally, code);
			if (!code && (back.cb != in.cb || memcmp(back.pb, secret, in.cb) != 0))
				w->tally.wrong++;
		}
		free(blob.pb);
		free(back.pb);
	}
	if (!w->shared)
		count(&w->tally, CALL(&o, api.SqlCryptCloseSession(s, 0)));
	w->tally.longest = o.longest;
	w->tally.broke = o.broke;
	free(o.text);
}

void many_threads(struct out *o, int n, int rounds, bool one_session, const char *identity, const char *secret, const char *thumb)
{
	struct worker *w = calloc(THREADS, sizeof *w);
	ekm_session shared;
	if (n > THREADS)
		n = THREADS;
	if (one_session && open_slot(o, &shared, identity, secret)) {
		free(w);
		return;
	}
	for (int i = 0; i < n; i++) {
		w[i].number = i + 1;
		w[i].rounds = rounds;
		w[i].identity = identity;
		w[i].secret = secret;
		w[i].thumb = unhex(thumb);
		w[i].shared = one_session ? &shared : NULL;
		w[i].t = thread_start(wrap_unwrap, &w[i]);
	}
	for (int i = 0; i < n; i++) {
		thread_join(w[i].t);
		free(w[i].thumb.pb);
	}
	if (one_session)
		CALL(o, api.SqlCryptCloseSession(&shared, 0));
	report(o, w, n);
	free(w);
}

static struct worker *hammers;
static int hammer_count;
static volatile bool hammer_end;
static atomic_ulong hammer_good; /* calls that worked */

/* unwrap_on unwraps the same blob until it is told to stop; a session that cannot be opened is opened again. */
static void unwrap_on(void *p)
{
	struct worker *w = p;
	struct out o = {0};
	ekm_session s;
	bool open = false;
	while (!*w->stop) {
		if (!open) {
			int code = open_slot(&o, &s, w->identity, w->secret);
			open = code == 0;
			count(&w->tally, code);
			if (!open) {
				nap(20);
				continue;
			}
		}
		ekm_data back = {0};
		int code = transform(&o, &s, false, &w->thumb, &w->blob, &back);
		count(&w->tally, code);
		if (!code && (back.cb != w->plain.cb || memcmp(back.pb, w->plain.pb, back.cb) != 0))
			w->tally.wrong++;
		if (!code)
			atomic_fetch_add(&hammer_good, 1);
		free(back.pb);
		nap(1);
	}
	if (open)
		count(&w->tally, CALL(&o, api.SqlCryptCloseSession(&s, 0)));
	w->tally.longest = o.longest;
	w->tally.broke = o.broke;
	free(o.text);
}


void hammer_start(struct out *o, int n, const char *identity, const char *secret, const char *thumb, const char *blob, const char *plain)
{
	char *id = malloc(strlen(identity) + 1), *sec = malloc(strlen(secret) + 1); /* the line goes, they stay */
	strcpy(id, identity);
	strcpy(sec, secret);
	hammers = calloc(THREADS, sizeof *hammers);
	hammer_count = n < THREADS ? n : THREADS;
	hammer_end = false;
	for (int i = 0; i < hammer_count; i++) {
		struct worker *w = &hammers[i];
		w->identity = id;
		w->secret = sec;
		w->thumb = unhex(thumb);
		w->blob = unhex(blob);
		w->plain = unhex(plain);
		w->stop = &hammer_end;
		w->t = thread_start(unwrap_on, w);
	}
	say(o, " threads=%d", hammer_count);
}

void hammer_wait(struct out *o, unsigned long n)
{
	unsigned long from = atomic_load(&hammer_good);
	double start = now_ms();
	while (atomic_load(&hammer_good) - from < n && now_ms() - start < 60000)
		nap(2);
	say(o, " waited_ms=%.0f", now_ms() - start);
	rule(o, atomic_load(&hammer_good) - from >= n, "calls must work again");
}

void hammer_stop(struct out *o)
{
	hammer_end = true;
	for (int i = 0; i < hammer_count; i++) {
		thread_join(hammers[i].t);
		free(hammers[i].thumb.pb);
		free(hammers[i].blob.pb);
		free(hammers[i].plain.pb);
	}
	report(o, hammers, hammer_count);
	if (hammer_count) {
		free((void *)(uintptr_t)hammers[0].identity);
		free((void *)(uintptr_t)hammers[0].secret);
	}
	free(hammers);
	hammers = NULL;
	hammer_count = 0;
}

static void unwrap_timed(void *p)
{
	struct worker *w = p;
	uint8_t buffer[2048];
	struct out o = {0};
	ekm_session s;
	if (open_slot(&o, &s, w->identity, w->secret)) {
		count(&w->tally, o.code);
		return;
	}
	for (int i = 0; i < w->rounds; i++) {
		ekm_data out = {sizeof buffer, buffer};
		double start = now_ms();
		int code = api.SqlCryptDecrypt(&s, &w->thumb, 1, NULL, 0, &w->blob, &out);
		w->times[i] = now_ms() - start;
		count(&w->tally, code);
	}
	api.SqlCryptCloseSession(&s, 0);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

void bench(struct out *o, int n, int rounds, const char *identity, const char *secret, const char *thumb, const char *blob)
{
	struct worker *w = calloc(THREADS, sizeof *w);
	if (n > THREADS)
		n = THREADS;
	size_t all = (size_t)n * (size_t)rounds;
	double *times = calloc(all, sizeof *times), start = now_ms();
	for (int i = 0; i < n; i++) {
		w[i].rounds = rounds;
		w[i].identity = identity;
		w[i].secret = secret;
		w[i].thumb = unhex(thumb);
		w[i].blob = unhex(blob);
		w[i].times = times + (size_t)i * (size_t)rounds;
		w[i].t = thread_start(unwrap_timed, &w[i]);
	}
	for (int i = 0; i < n; i++) {
		thread_join(w[i].t);
		free(w[i].thumb.pb);
		free(w[i].blob.pb);
	}
	double took = now_ms() - start;
	report(o, w, n);
	qsort(times, all, sizeof *times, by_size);
	say(o, " p50_us=%.1f p99_us=%.1f per_second=%.0f", times[all / 2] * 1000, times[all * 99 / 100] * 1000, (double)all * 1000 / took);
	free(times);
	free(w);
}
