/* What differs between systems. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "host.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <winver.h>
#include <wintrust.h>

static void wide(const char *s, WCHAR *to, int n)
{
	if (!MultiByteToWideChar(CP_UTF8, 0, s, -1, to, n))
		to[0] = 0;
}

void *lib_open(const char *path, char *why, size_t n)
{
	WCHAR w[1024];
	wide(path, w, 1024);
	HMODULE m = LoadLibraryW(w);
	if (!m)
		snprintf(why, n, "error %lu", GetLastError());
	return (void *)m;
}

void *lib_symbol(void *lib, const char *name)
{
	return (void *)(uintptr_t)GetProcAddress(lib, name);
}

bool lib_close(void *lib)
{
	return FreeLibrary(lib);
}

bool lib_loaded(const char *path)
{
	WCHAR w[1024];
	wide(path, w, 1024);
	return GetModuleHandleW(w) != NULL;
}

uint32_t lib_trust(const char *path)
{
	WCHAR w[1024];
	GUID action = {0xaac56b, 0xcd44, 0x11d0, {0x8c, 0xc2, 0x00, 0xc0, 0x4f, 0xc2, 0x95, 0xee}}; /* generic verify v2 */
	wide(path, w, 1024);
	WINTRUST_FILE_INFO file = {.cbStruct = sizeof file, .pcwszFilePath = w};
	WINTRUST_DATA data = {
		.cbStruct = sizeof data,
		.dwUIChoice = WTD_UI_NONE,
		.fdwRevocationChecks = WTD_REVOKE_NONE,
		.dwUnionChoice = WTD_CHOICE_FILE,
		.pFile = &file,
		.dwStateAction = WTD_STATEACTION_VERIFY,
	};
	LONG r = WinVerifyTrust(INVALID_HANDLE_VALUE, &action, &data);
	data.dwStateAction = WTD_STATEACTION_CLOSE;
	WinVerifyTrust(INVALID_HANDLE_VALUE, &action, &data);
	return (uint32_t)r;
}

void lib_resources(struct out *o, const char *path, unsigned event)
{
	WCHAR w[1024], text[256] = L"";
	uint8_t info[4096];
	VS_FIXEDFILEINFO *v;
	UINT n;
	wide(path, w, 1024);
	if (GetFileVersionInfoW(w, 0, sizeof info, info) && VerQueryValueW(info, L"\\", (void **)&v, &n))
		say(o, " version=%u.%u.%u.%u", (unsigned)v->dwFileVersionMS >> 16, (unsigned)v->dwFileVersionMS & 0xFFFF,
		    (unsigned)v->dwFileVersionLS >> 16, (unsigned)v->dwFileVersionLS & 0xFFFF);
	DWORD_PTR inserts[] = {(DWORD_PTR)L"the-event's-text"};
	HMODULE m = LoadLibraryExW(w, NULL, LOAD_LIBRARY_AS_DATAFILE);
	if (FormatMessageW(FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_ARGUMENT_ARRAY, m, event, 0, text, 256, (va_list *)inserts))
		say(o, " message=%.*ls", (int)wcscspn(text, L"\r\n"), text);
	FreeLibrary(m);
}

void impersonate(bool on)
{
	if (!(on ? ImpersonateSelf(SecurityImpersonation) : RevertToSelf()))
		fprintf(stderr, "ekmhost: impersonating: error %lu\n", GetLastError());
}

bool acting(void)
{
	HANDLE token;
	if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token))
		return false;
	CloseHandle(token);
	return true;
}

double now_ms(void)
{
	LARGE_INTEGER f, c;
	QueryPerformanceFrequency(&f);
	QueryPerformanceCounter(&c);
	return (double)c.QuadPart * 1000 / (double)f.QuadPart;
}

void nap(unsigned ms)
{
	Sleep(ms);
}

void set_env(const char *name, const char *value)
{
	SetEnvironmentVariableA(name, *value ? value : NULL);
}

struct thread {
	HANDLE h;
	void (*run)(void *);
	void *arg;
};

static DWORD WINAPI begin(void *p)
{
	thread *t = p;
	t->run(t->arg);
	return 0;
}

thread *thread_start(void (*run)(void *), void *arg)
{
	thread *t = calloc(1, sizeof *t);
	t->run = run;
	t->arg = arg;
	t->h = CreateThread(NULL, 0, begin, t, 0, NULL);
	return t;
}

void thread_join(thread *t)
{
	WaitForSingleObject(t->h, INFINITE);
	CloseHandle(t->h);
	free(t);
}

static uint8_t *pages(size_t n, size_t *all)
{
	DWORD old;
	*all = (n + 4095) / 4096 * 4096 + 4096;
	uint8_t *p = VirtualAlloc(NULL, *all + 4096, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
	VirtualProtect(p + *all, 4096, PAGE_NOACCESS, &old);
	return p;
}

static void drop(uint8_t *p, size_t all)
{
	(void)all;
	VirtualFree(p, 0, MEM_RELEASE);
}

void *read_only(void)
{
	return VirtualAlloc(NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_READONLY);
}

void *no_memory(void)
{
	void *p = VirtualAlloc(NULL, 1 << 20, MEM_RESERVE, PAGE_NOACCESS);
	return (char *)p + 4096;
}

#else
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

void *lib_open(const char *path, char *why, size_t n)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		snprintf(why, n, "%s", dlerror());
	return lib;
}

void *lib_symbol(void *lib, const char *name)
{
	return dlsym(lib, name);
}

bool lib_close(void *lib)
{
	return dlclose(lib) == 0;
}

bool lib_loaded(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
	if (lib)
		dlclose(lib);
	return lib != NULL;
}

uint32_t lib_trust(const char *path)
{
	(void)path;
	return 0;
}

void lib_resources(struct out *o, const char *path, unsigned event)
{
	(void)path;
	(void)event;
	say(o, " none=1");
}

void impersonate(bool on)
{
	(void)on;
}

bool acting(void)
{
	return false;
}

double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

void nap(unsigned ms)
{
	usleep(ms * 1000);
}

void set_env(const char *name, const char *value)
{
	if (*value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

struct thread {
	pthread_t id;
	void (*run)(void *);
	void *arg;
};

static void *begin(void *p)
{
	thread *t = p;
	t->run(t->arg);
	return NULL;
}

thread *thread_start(void (*run)(void *), void *arg)
{
	thread *t = calloc(1, sizeof *t);
	t->run = run;
	t->arg = arg;
	if (pthread_create(&t->id, NULL, begin, t) != 0)
		abort();
	return t;
}

void thread_join(thread *t)
{
	pthread_join(t->id, NULL);
	free(t);
}

static uint8_t *pages(size_t n, size_t *all)
{
	*all = (n + 4095) / 4096 * 4096 + 4096;
	uint8_t *p = mmap(NULL, *all + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p + *all, 4096, PROT_NONE);
	return p;
}

static void drop(uint8_t *p, size_t all)
{
	munmap(p, all + 4096);
}

void *read_only(void)
{
	return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void *no_memory(void)
{
	void *p = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return (char *)p + 4096;
}
#endif

uint8_t *fenced(size_t n)
{
	size_t all;
	uint8_t *p = pages(n, &all);
	memset(p, 0xA5, all);
	return p + all - n;
}

bool unfence(uint8_t *p, size_t n)
{
	size_t all = (n + 4095) / 4096 * 4096 + 4096;
	uint8_t *base = p + n - all;
	bool whole = true;
	for (uint8_t *q = base; q < p; q++)
		whole = whole && *q == 0xA5;
	drop(base, all);
	return whole;
}
