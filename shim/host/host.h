/* A program that plays SQL Server: it loads the library as the engine does and makes the calls that the engine makes, on command.
 *
 * Commands come on standard input, one a line, their words separated by tabs if there is one, else by blanks. Each is answered by
 * any number of lines that begin with "- " and one that begins with "= ": the command, code=N (what the library returned), msg=N (what SQL
 * Server would say: 0 or a message's number), ms=N (the longest call), calls=N, and more fields of the form name=value. */
#ifndef EKMHOST_H
#define EKMHOST_H

#include <stdbool.h>
#include <stdio.h>

#include "../abi.h"

/* ---- os.c ---- */

void *lib_open(const char *path, char *why, size_t n);
void *lib_symbol(void *lib, const char *name);
bool lib_close(void *lib);
/* lib_loaded reports whether the library is still in the process. */
bool lib_loaded(const char *path);
/* lib_trust is what WinVerifyTrust says of a file: 0 trusted. Elsewhere there is no such gate, and it is 0. */
uint32_t lib_trust(const char *path);
struct out;
/* lib_resources says what Windows reads from a file's version and message resources. */
void lib_resources(struct out *o, const char *path, unsigned event);

/* impersonate lets this thread act for a client, as the engine may; acting reports whether it still does. */
void impersonate(bool on);
bool acting(void);

double now_ms(void);
void nap(unsigned ms);
void set_env(const char *name, const char *value);

typedef struct thread thread;
thread *thread_start(void (*run)(void *), void *arg);
void thread_join(thread *t);

/* fenced gives n bytes that end where no memory is; unfence checks that the bytes before were left alone. */
uint8_t *fenced(size_t n);
bool unfence(uint8_t *p, size_t n);
/* read_only gives a page that cannot be written, no_memory an address where nothing is. */
void *read_only(void);
void *no_memory(void);

/* ---- host.c ---- */

#define X(number, name, parameters) int(*name) parameters;
struct api {
	EKM_EXPORTS(X)
};
#undef X
extern struct api api;

enum { SLOTS = 256, MAX_ARGS = 16 };
extern ekm_session slots[SLOTS];

/* What a command says. */
struct out {
	char *text;
	size_t len, room;
	int code, msg;
	double start, longest;
	unsigned long calls;
	bool broke; /* the library wrote where it must not, or broke a rule of the interface */
};

void say(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say_hex(struct out *o, const char *name, const uint8_t *p, size_t n);
void rule(struct out *o, bool kept, const char *what);
/* CALL makes a call, keeps its code and counts its time. */
#define CALL(o, expression) ((o)->start = now_ms(), done(o, (expression)))
int done(struct out *o, int code);

/* text16 makes UTF-16 of UTF-8, and unhex bytes of hexadecimal; the caller frees. */
ekm_str text16(const char *s);
ekm_data unhex(const char *s);

/* ---- run.c: the engine's ways, each of one or more calls ---- */

int open_slot(struct out *o, ekm_session *slot, const char *identity, const char *secret);
int key_info(struct out *o, const ekm_session *slot, const char *name, const ekm_data *thumb, uint32_t id, ekm_data *found, uint32_t *alg);
int algorithm_info(struct out *o, uint32_t id);
int provider_info(struct out *o);
int algorithms(struct out *o);
int keys(struct out *o, const ekm_session *slot);
int export_key(struct out *o, const ekm_session *slot, const ekm_data *thumb);
int transform(struct out *o, const ekm_session *slot, bool encrypt, const ekm_data *thumb, const ekm_data *in, ekm_data *result);

void many_threads(struct out *o, int n, int rounds, bool one_session, const char *identity, const char *secret, const char *thumb);
void hammer_start(struct out *o, int n, const char *identity, const char *secret, const char *thumb, const char *blob, const char *plain);
/* hammer_wait waits until n more calls have worked. */
void hammer_wait(struct out *o, unsigned long n);
void hammer_stop(struct out *o);
void bench(struct out *o, int n, int rounds, const char *identity, const char *secret, const char *thumb, const char *blob);

/* ---- garbage.c ---- */

void garbage(struct out *o, unsigned seed, int rounds, ekm_session *slot, const char *thumb);

#endif
