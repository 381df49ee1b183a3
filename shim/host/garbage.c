/* Wrong pointers and sizes: whatever is handed over, the library gives a code and the process lives. */
#include <stdlib.h>
#include <string.h>

#include "host.h"

static unsigned long long state;

static unsigned roll(unsigned n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % n;
}

/* The pointers that a round chooses from: NULL, small numbers, unmapped and protected pages, odd addresses, and good memory that ends
 * where nothing is. */
static uint8_t *good;
enum { GOOD = 4096 };

static void *any(void)
{
	static void *protected, *nothing;
	if (!protected) {
		protected = read_only();
		nothing = no_memory();
	}
	switch (roll(12)) {
	case 0:
		return NULL;
	case 1:
		return (void *)(uintptr_t)roll(65536);
	case 2:
		return nothing;
	case 3:
		return protected;
	case 4:
		return (void *)(~(uintptr_t)0 - roll(64));
	case 5:
		return (void *)((uintptr_t)1 << (40 + roll(24)));
	case 6:
		return good + GOOD - roll(64); /* runs out of memory after a few bytes */
	case 7:
		return good + 1 + roll(64); /* not aligned */
	default:
		return good + roll(64) * 8;
	}
}

static uint32_t any_size(void)
{
	static const uint32_t sizes[] = {0, 1, 2, 3, 19, 20, 21, 32, 33, 255, 256, 512, 513, 2048, 2049, 4096, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};
	return sizes[roll(sizeof sizes / sizeof *sizes)];
}

/* counted gives a counted buffer that is wrong in some way, at a place that may be wrong itself. */
static void *counted(const void *right, uint32_t cb)
{
	ekm_data d = {any_size(), any()};
	if (roll(3) == 0)
		d.pb = (uint8_t *)(uintptr_t)right;
	if (roll(3) == 0)
		d.cb = cb;
	if (roll(5) == 0)
		return any();
	uint8_t *at = good + 1024 + roll(64) * 16 + (roll(4) == 0 ? 3 : 0);
	memcpy(at, &d, sizeof d);
	return at;
}

static void *structure(size_t n)
{
	if (roll(3) == 0)
		return any();
	uint8_t *at = good + 2560 + roll(32) * 8;
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(roll(3) ? 0 : roll(256));
	for (size_t i = 8; i + 8 <= n && i <= 24; i += 8) /* pointers are NULL or nowhere: they must not hit the heap by chance */
		if (at[i + 3] | at[i + 4] | at[i + 5] | at[i + 6] | at[i + 7])
			at[i + 7] |= 0x80;
	if (roll(2)) { /* a structure whose counted buffer may be right */
		ekm_data d = {any_size(), any()};
		memcpy(at, &d, sizeof d);
	}
	return at;
}

void garbage(struct out *o, unsigned seed, int rounds, ekm_session *slot, const char *thumb)
{
	static const uint8_t key[] = {'K', 0, 'e', 0, 'y', 0};
	ekm_data given = unhex(thumb), t = {given.cb, fenced(given.cb)};
	uint8_t *name = fenced(sizeof key);
	memcpy(t.pb, given.pb, t.cb);
	memcpy(name, key, sizeof key);
	free(given.pb);
	unsigned long codes[8] = {0};
	state = seed * 2654435761ull + 88172645463325252ull;
	good = fenced(GOOD);
	for (int i = 0; i < rounds; i++) {
		ekm_session forged = ((ekm_session)roll(1u << 31) << 33) ^ roll(1u << 31);
		const ekm_session *s = roll(4) ? slot : roll(2) ? &forged : any();
		uint8_t kinds = (uint8_t)roll(256);
		memset(good, (int)roll(256), GOOD);
		ekm_session opened = 0;
		int code = 0;
		switch (roll(17)) {
		case 0:
			code = CALL(o, api.SqlCryptGetProviderInfo(structure(sizeof(ekm_provider_info))));
			break;
		case 1:
			code = CALL(o, api.SqlCryptGetNextAlgorithmId(any()));
			break;
		case 2:
			code = CALL(o, api.SqlCryptGetAlgorithmInfo(roll(5), structure(sizeof(ekm_algorithm_info))));
			break;
		case 3: {
			ekm_session *to = roll(2) ? &opened : any();
			code = CALL(o, api.SqlCryptOpenSession(structure(sizeof(ekm_credential)), to));
			if (!code && to == &opened)
				api.SqlCryptCloseSession(to, 0);
			break;
		}
		case 4:
			if (s != slot) /* the good one is needed */
				code = CALL(o, api.SqlCryptCloseSession((ekm_session *)(uintptr_t)s, kinds & 1));
			break;
		case 5:
			code = CALL(o, api.SqlCryptCreateKey(s, counted(name, sizeof key), roll(5), roll(16), counted(good, 20)));
			break;
		case 6:
			code = CALL(o, api.SqlCryptDropKey(s, counted(t.pb, t.cb)));
			break;
		case 7:
			code = CALL(o, api.SqlCryptGetNextKeyId(s, any()));
			break;
		case 8:
			code = CALL(o, api.SqlCryptGetKeyInfoByKeyId(s, roll(5), structure(sizeof(ekm_key_info))));
			break;
		case 9:
		case 10:
			code = CALL(o, api.SqlCryptGetKeyInfoByThumb(s, counted(t.pb, t.cb), structure(sizeof(ekm_key_info))));
			break;
		case 11:
			code = CALL(o, api.SqlCryptGetKeyInfoByName(s, counted(name, sizeof key), structure(sizeof(ekm_key_info))));
			break;
		case 12:
			code = CALL(o, api.SqlCryptExportKey(s, counted(t.pb, t.cb), roll(2) ? NULL : any(), (int32_t)roll(3), counted(good, 512)));
			break;
		case 13:
			code = CALL(o, api.SqlCryptImportKey(s, counted(name, sizeof key), roll(2) ? NULL : counted(t.pb, t.cb), (int32_t)roll(3),
							     roll(9), counted(good, 100)));
			break;
		case 14:
		case 15:
			code = CALL(o, api.SqlCryptEncrypt(s, counted(t.pb, t.cb), kinds & 3, any(), roll(3), counted(good, 32), counted(good, 256)));
			break;
		default:
			code = CALL(o, api.SqlCryptDecrypt(s, counted(t.pb, t.cb), kinds & 3, any(), roll(3), counted(good, 256), counted(good, 256)));
			break;
		}
		codes[code >= 0 && code < 7 ? code : 7]++;
	}
	say(o, " zero=%lu failure=%lu small=%lu unsupported=%lu missing=%lu auth=%lu argument=%lu other=%lu", codes[0], codes[1], codes[2], codes[3],
	    codes[4], codes[5], codes[6], codes[7]);
	o->code = 0;
	unfence(good, GOOD);
	unfence(t.pb, t.cb);
	unfence(name, sizeof key);
}
