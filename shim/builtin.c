/* What the agent says of the provider, as it was when this library was built: with it SQL Server registers the provider while no agent
 * runs, and a database names the true reason when it opens a session. A test compares it with the vectors of the protocol. */
#include "shim.h"

/* wide writes ASCII as UTF-16LE and gives its length in bytes. */
static uint32_t wide(uint8_t *to, const char *ascii)
{
	uint32_t n = 0;
	for (; *ascii; ascii++, n += 2)
		store_u16(to + n, (uint16_t)(uint8_t)*ascii);
	return n;
}

void builtin_provider(struct provider *to)
{
	/* For ever the same: keys in SQL Server's catalogue refer to it. */
	static const uint8_t guid[16] = {0x63, 0x74, 0x61, 0x6c, 0x6b, 0x68, 0x79, 0x4e, 0x8e, 0x4b, 0x4d, 0x31, 0x2e, 0x30, 0x00, 0x01};

	memset(to, 0, sizeof *to);
	memcpy(to->info.guid.bytes, guid, sizeof guid);
	to->info.provider_version.major = 1; /* another one would need ALTER CRYPTOGRAPHIC PROVIDER everywhere */
	to->info.api_version.major = 1;
	to->info.api_version.minor = 1;
	to->info.auth_type = EKM_AUTH_BASIC;
	to->info.asym_flags = EKM_SUPPORTED;
	to->info.max_thumb_len = 20;
	to->info.accepts_key_name = 1;
	to->info.name.cb = wide(to->name, "Latchkey EKM Provider");
	to->known = true;
}

void builtin_algorithms(struct algorithms *to)
{
	static const struct {
		uint32_t bits;
		const char *tag;
	} rsa[] = {{2048, "RSA_2048"}, {3072, "RSA_3072"}, {4096, "RSA_4096"}};

	memset(to, 0, sizeof *to);
	for (; to->count < sizeof rsa / sizeof *rsa; to->count++) {
		struct algorithm *a = &to->list[to->count];
		a->id = to->count + 1;
		a->asymmetric = 1;
		a->bits = rsa[to->count].bits;
		a->tag_len = wide(a->tag, rsa[to->count].tag);
	}
	to->known = true;
}
