/* Commands. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

struct api api;
ekm_session slots[SLOTS];

static void *lib;
static char lib_path[1024];

/* ---- what commands say ---- */

void say(struct out *o, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (o->len + (size_t)n + 1 > o->room) {
		o->room = (o->len + (size_t)n + 1) * 2;
		o->text = realloc(o->text, o->room);
	}
	va_start(args, format);
	vsnprintf(o->text + o->len, o->room - o->len, format, args);
	va_end(args);
	o->len += (size_t)n;
}

void say_hex(struct out *o, const char *name, const uint8_t *p, size_t n)
{
	say(o, " %s=", name);
	for (size_t i = 0; i < n; i++)
		say(o, "%02x", p[i]);
}

void rule(struct out *o, bool kept, const char *what)
{
	if (kept)
		return;
	o->broke = true;
	fprintf(stderr, "ekmhost: rule broken: %s\n", what);
}

int done(struct out *o, int code)
{
	double ms = now_ms() - o->start;
	if (ms > o->longest)
		o->longest = ms;
	o->calls++;
	o->code = code;
	return code;
}

/* ---- arguments ---- */

ekm_str text16(const char *s)
{
	ekm_str t = {0, malloc(strlen(s) * 2 + 2)};
	const uint8_t *p = (const uint8_t *)s;
	while (*p) {
		uint32_t c = *p++;
		int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
		if (more)
			c &= 0x3Fu >> more;
		for (; more && (*p & 0xC0) == 0x80; more--)
			c = c << 6 | (*p++ & 0x3F);
		uint16_t unit[2] = {(uint16_t)c, 0};
		int n = 1;
		if (c > 0xFFFF) {
			unit[0] = (uint16_t)(0xD800 + ((c - 0x10000) >> 10));
			unit[1] = (uint16_t)(0xDC00 + ((c - 0x10000) & 0x3FF));
			n = 2;
		}
		for (int i = 0; i < n; i++) {
			t.ws[t.cb++] = (uint8_t)unit[i];
			t.ws[t.cb++] = (uint8_t)(unit[i] >> 8);
		}
	}
	return t;
}

ekm_data unhex(const char *s)
{
	if (strncmp(s, "0x", 2) == 0)
		s += 2;
	ekm_data d = {0, malloc(strlen(s) / 2 + 1)};
	for (; s[0] && s[1]; s += 2) {
		char two[3] = {s[0], s[1], 0};
		d.pb[d.cb++] = (uint8_t)strtoul(two, NULL, 16);
	}
	return d;
}

static ekm_session *slot_of(const char *s)
{
	return &slots[(unsigned)atoi(s) % SLOTS];
}

/* drop_bytes leaves nothing of ours behind, so that what a test finds in memory is the library's. */
static void drop_bytes(ekm_data d)
{
	for (volatile uint8_t *p = d.pb; d.pb && d.cb; d.cb--)
		*p++ = 0xEE;
	free(d.pb);
}

/* ---- loading ---- */

/* load is the engine's: resolve all 17 names, or say which one is missing. */
static void load(struct out *o, const char *path)
{
	char why[256] = "";
	static const char *const names[] = {
#define X(number, name, parameters) #name,
		EKM_EXPORTS(X)
#undef X
	};
	lib = lib_open(path, why, sizeof why);
	if (!lib) {
		o->msg = 33027;
		for (char *c = why; *c; c++)
			if (*c == ' ')
				*c = '_';
		say(o, " why=%s", why);
		return;
	}
	snprintf(lib_path, sizeof lib_path, "%s", path);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		void *f = lib_symbol(lib, names[i]);
		memcpy((uint8_t *)&api + i * sizeof f, &f, sizeof f);
		if (!f) {
			o->msg = 33085;
			say(o, " state=%d", (int)i + 1);
			lib_close(lib);
			lib = NULL;
			return;
		}
	}
}

static void unload(struct out *o)
{
	if (lib)
		rule(o, lib_close(lib), "the library must unload");
	lib = NULL;
	memset(&api, 0, sizeof api);
	say(o, " loaded=%d", lib_loaded(lib_path));
}

/* create_provider is what CREATE CRYPTOGRAPHIC PROVIDER does with a file. */
static void create_provider(struct out *o, const char *path, bool gate)
{
	uint32_t trust = gate ? lib_trust(path) : 0;
	if (trust) {
		o->msg = 33081;
		say(o, " trust=0x%08x", trust);
		return;
	}
	load(o, path);
	if (o->msg)
		return;
	if (CALL(o, api.SqlCryptInitializeProvider()) || provider_info(o))
		o->msg = 33029;
	else if (algorithms(o))
		o->msg = 33089;
	int code = o->code;
	CALL(o, api.SqlCryptFreeProvider());
	o->code = code;
}

/* reload loads, uses and unloads the library n times. */
static void reload(struct out *o, const char *path, int n, const char *identity, const char *secret)
{
	for (int i = 0; i < n && !o->msg && !o->broke; i++) {
		struct out quiet = {0};
		load(o, path);
		if (o->msg)
			return;
		CALL(o, api.SqlCryptInitializeProvider());
		provider_info(&quiet);
		rule(o, open_slot(&quiet, &slots[0], identity, secret) == 0, "a session must open after a reload");
		if (i % 2) /* the other half leaves its session to the library's end */
			CALL(o, api.SqlCryptCloseSession(&slots[0], 0));
		if (i % 3)
			CALL(o, api.SqlCryptFreeProvider());
		quiet.len = 0;
		unload(&quiet);
		rule(o, !lib_loaded(path), "the library must leave the process");
		o->broke = o->broke || quiet.broke;
		free(quiet.text);
	}
	o->code = 0;
}

/* ---- commands of several calls ---- */

static void open_existing(struct out *o, const char *identity, const char *secret, const char *name)
{
	ekm_session s;
	ekm_data thumb = {0};
	uint32_t alg = 0;
	if (open_slot(o, &s, identity, secret)) {
		o->msg = 33028;
		return;
	}
	if (key_info(o, &s, name, NULL, 0, &thumb, &alg))
		o->msg = 33049;
	else if (algorithm_info(o, alg))
		o->msg = 33089;
	else if (export_key(o, &s, &thumb))
		o->msg = 33037;
	int code = o->code;
	CALL(o, api.SqlCryptCloseSession(&s, 0));
	o->code = code;
	free(thumb.pb);
}

static void crypt_once(struct out *o, bool encrypt, const char *identity, const char *secret, const char *thumb, const char *in)
{
	ekm_session s;
	ekm_data t = unhex(thumb), d = unhex(in), r = {0};
	if (open_slot(o, &s, identity, secret)) {
		o->msg = 33028;
	} else {
		if (transform(o, &s, encrypt, &t, &d, &r) == 0)
			say_hex(o, encrypt ? "blob" : "plain", r.pb, r.cb);
		int code = o->code;
		CALL(o, api.SqlCryptCloseSession(&s, 0));
		o->code = code;
	}
	free(t.pb);
	drop_bytes(d);
	drop_bytes(r);
}

static void crypt(struct out *o, bool encrypt, ekm_session *slot, const char *thumb, const char *in)
{
	ekm_data t = unhex(thumb), d = unhex(in), r = {0};
	if (transform(o, slot, encrypt, &t, &d, &r) == 0)
		say_hex(o, encrypt ? "blob" : "plain", r.pb, r.cb);
	free(t.pb);
	drop_bytes(d);
	drop_bytes(r);
}

static void with_thumb(struct out *o, const char *what, ekm_session *slot, const char *hex)
{
	ekm_data t = unhex(hex), found = {0};
	uint32_t alg;
	if (strcmp(what, "thumb") == 0)
		key_info(o, slot, NULL, &t, 0, &found, &alg);
	else if (strcmp(what, "export") == 0)
		export_key(o, slot, &t);
	else
		CALL(o, api.SqlCryptDropKey(slot, &t));
	free(t.pb);
	free(found.pb);
}

static void with_name(struct out *o, const char *what, ekm_session *slot, const char *name)
{
	ekm_str n = text16(name);
	ekm_data found = {0}, thumb = {20, fenced(20)};
	uint32_t alg;
	if (strcmp(what, "name") == 0)
		key_info(o, slot, name, NULL, 0, &found, &alg);
	else if (strcmp(what, "create") == 0)
		CALL(o, api.SqlCryptCreateKey(slot, &n, 1, 0, &thumb));
	else
		CALL(o, api.SqlCryptImportKey(slot, &n, NULL, 0, 0, &thumb));
	rule(o, unfence(thumb.pb, 20), "nothing before a buffer may be written");
	free(n.ws);
	free(found.pb);
}

/* ---- background ---- */

static struct job {
	thread *t;
	char line[8192];
	struct out o;
} jobs[SLOTS];
static int job_count;

static bool run(struct out *o, char *line);

static void run_job(void *p)
{
	struct job *j = p;
	run(&j->o, j->line);
}

static void print(struct out *o, const char *name)
{
	printf("%.*s= %s code=%d msg=%d ms=%.3f calls=%lu broke=%d\n", (int)o->len, o->text ? o->text : "", name, o->code, o->msg, o->longest,
	       o->calls, o->broke);
	fflush(stdout);
	free(o->text);
}

static void join(void)
{
	for (int i = 0; i < job_count; i++) {
		thread_join(jobs[i].t);
		if (jobs[i].o.len)
			say(&jobs[i].o, "\n");
		print(&jobs[i].o, "job");
	}
	job_count = 0;
}

/* run does what a line says; false if it says nothing known. What a command says is one line "- ..." so far. */
static bool run(struct out *o, char *line)
{
	char *a[MAX_ARGS] = {0};
	int n = 0;
	char between = strchr(line, '\t') ? '\t' : ' ';
	for (char *w = line; w && n < MAX_ARGS;) {
		a[n++] = w;
		w = strchr(w, between);
		if (w)
			*w++ = 0;
	}
#define IS(name, args) (n >= 1 + (args) && strcmp(a[0], name) == 0)
	say(o, "-");
	if (IS("gate", 1))
		say(o, " trust=0x%08x", lib_trust(a[1]));
	else if (IS("impersonate", 1))
		impersonate(atoi(a[1]) != 0);
	else if (IS("acting", 0))
		say(o, " acting=%d", acting());
	else if (IS("resources", 2))
		lib_resources(o, a[1], (unsigned)atoi(a[2]));
	else if (IS("load", 1))
		load(o, a[1]);
	else if (IS("create-provider", 1))
		create_provider(o, a[1], false);
	else if (IS("create-signed-provider", 1))
		create_provider(o, a[1], true);
	else if (IS("reload", 4))
		reload(o, a[1], atoi(a[2]), a[3], a[4]);
	else if (IS("env", 1))
		set_env(a[1], n > 2 ? a[2] : "");
	else if (IS("sleep", 1))
		nap((unsigned)atoi(a[1]));
	else if (!lib)
		return false; /* all else needs the library */
	else if (IS("unload", 0))
		unload(o);
	else if (IS("init", 0))
		CALL(o, api.SqlCryptInitializeProvider());
	else if (IS("free", 0))
		CALL(o, api.SqlCryptFreeProvider());
	else if (IS("info", 0))
		provider_info(o);
	else if (IS("algorithms", 0))
		algorithms(o);
	else if (IS("open", 1))
		open_slot(o, slot_of(a[1]), a[2], a[3]);
	else if (IS("close", 1))
		CALL(o, api.SqlCryptCloseSession(slot_of(a[1]), n > 2));
	else if (IS("name", 2) || IS("create", 2) || IS("import", 2))
		with_name(o, a[0], slot_of(a[1]), a[2]);
	else if (IS("thumb", 2) || IS("export", 2) || IS("drop", 2))
		with_thumb(o, a[0], slot_of(a[1]), a[2]);
	else if (IS("wrap", 3) || IS("unwrap", 3))
		crypt(o, a[0][0] == 'w', slot_of(a[1]), a[2], a[3]);
	else if (IS("keys", 1))
		keys(o, slot_of(a[1]));
	else if (IS("open-existing", 3))
		open_existing(o, a[1], a[2], a[3]);
	else if (IS("dek", 4))
		crypt_once(o, true, a[1], a[2], a[3], a[4]);
	else if (IS("startup", 4))
		crypt_once(o, false, a[1], a[2], a[3], a[4]);
	else if (IS("threads", 5))
		many_threads(o, atoi(a[1]), atoi(a[2]), false, a[3], a[4], a[5]);
	else if (IS("one-session", 5))
		many_threads(o, atoi(a[1]), atoi(a[2]), true, a[3], a[4], a[5]);
	else if (IS("hammer", 6))
		hammer_start(o, atoi(a[1]), a[2], a[3], a[4], a[5], a[6]);
	else if (IS("hammer-wait", 1))
		hammer_wait(o, strtoul(a[1], NULL, 10));
	else if (IS("hammer-stop", 0))
		hammer_stop(o);
	else if (IS("bench", 6))
		bench(o, atoi(a[1]), atoi(a[2]), a[3], a[4], a[5], a[6]);
	else if (IS("garbage", 4))
		garbage(o, (unsigned)atoi(a[1]), atoi(a[2]), slot_of(a[3]), a[4]);
	else
		return false;
	return true;
}

int main(void)
{
	static char line[65536];
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\r\n")] = 0;
		if (!*line)
			continue;
		if (strcmp(line, "quit") == 0)
			break;
		if (strcmp(line, "join") == 0) {
			join();
			printf("= join code=0\n");
			fflush(stdout);
			continue;
		}
		if (line[0] == '&' && job_count < SLOTS) { /* in the background, until join */
			struct job *j = &jobs[job_count++];
			memset(j, 0, sizeof *j);
			snprintf(j->line, sizeof j->line, "%s", line + 1 + strspn(line + 1, " "));
			j->t = thread_start(run_job, j);
			printf("= background code=0\n");
			fflush(stdout);
			continue;
		}
		char name[64];
		snprintf(name, sizeof name, "%.*s", (int)strcspn(line, " \t"), line);
		struct out o = {0};
		if (run(&o, line)) {
			say(&o, "\n");
			print(&o, name);
		} else {
			printf("= %s code=-1 error=unknown-command-or-no-library\n", name);
			fflush(stdout);
			free(o.text);
		}
	}
	return 0;
}
