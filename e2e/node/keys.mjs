// Drives a vault with Microsoft's own JavaScript clients, unmodified, with the variables of `latchkey env` and nothing else:
// no option switches a check off. Every method that KeyClient and CryptographyClient offer is called; each step that
// does not do what the documentation says throws, and the exit code tells.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { test } from "node:test";
import { ClientSecretCredential, DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";
import { CryptographyClient, KeyClient } from "@azure/keyvault-keys";

const { LATCHKEY_VAULT_URL: vaultUrl, LATCHKEY_HSM_URL: hsmUrl } = process.env;
assert.ok(vaultUrl && hsmUrl, "the variables of latchkey env are not set");
const credential = new DefaultAzureCredential();
const keys = new KeyClient(vaultUrl, credential);
const hsm = new KeyClient(hsmUrl, credential);
const unique = (name) => `${name}-${crypto.randomBytes(4).toString("hex")}`;
const quick = { intervalInMs: 20 }; // of the pollers
const collect = async (pages) => {
  const all = [];
  for await (const item of pages) all.push(item);
  return all;
};

test("create: every kind", async () => {
  const rsa = await keys.createRsaKey(unique("rsa"), { keySize: 2048, tags: { purpose: "test" } });
  assert.equal(rsa.keyType, "RSA");
  assert.equal(rsa.key.n.length, 256);
  assert.equal(rsa.properties.tags.purpose, "test");
  assert.equal(rsa.key.d, undefined, "a private number came back");
  for (const curve of ["P-256", "P-384", "P-521", "P-256K"]) {
    const ec = await keys.createEcKey(unique("ec"), { curve });
    assert.equal(ec.key.crv, curve);
  }
  assert.equal((await keys.createKey(unique("hsm"), "RSA-HSM")).keyType, "RSA-HSM");
  assert.equal((await keys.createEcKey(unique("echsm"), { hsm: true })).keyType, "EC-HSM");
  const oct = await hsm.createOctKey(unique("oct"), { hsm: true, keySize: 256 });
  assert.equal(oct.keyType, "oct-HSM");
});

test("get, versions, update, lists", async () => {
  const name = unique("life");
  const first = await keys.createEcKey(name);
  const second = await keys.createEcKey(name);
  assert.equal((await keys.getKey(name)).properties.version, second.properties.version);
  assert.equal((await keys.getKey(name, { version: first.properties.version })).properties.version, first.properties.version);
  assert.equal((await collect(keys.listPropertiesOfKeyVersions(name))).length, 2);
  const expires = new Date(Date.now() + 86400_000);
  expires.setMilliseconds(0);
  const updated = await keys.updateKeyProperties(name, second.properties.version, { enabled: false, expiresOn: expires, tags: { a: "b" } });
  assert.equal(updated.properties.enabled, false);
  assert.equal(updated.properties.expiresOn.getTime(), expires.getTime());
  await assert.rejects(new CryptographyClient(second.id, credential).sign("ES256", crypto.randomBytes(32)), { statusCode: 403 });
  await keys.updateKeyProperties(name, { enabled: true });
  for (let i = 0; i < 30; i++) await keys.createEcKey(unique("page"));
  const names = (await collect(keys.listPropertiesOfKeys())).map((p) => p.name);
  assert.ok(names.includes(name));
  assert.ok(names.length >= 31);
  assert.equal(new Set(names).size, names.length, "a key is listed twice");
});

test("delete, recover, purge", async () => {
  const name = unique("gone");
  await keys.createEcKey(name);
  const deleted = await (await keys.beginDeleteKey(name, quick)).pollUntilDone();
  assert.ok(deleted.properties.recoveryId.includes("/deletedkeys/"));
  await assert.rejects(keys.getKey(name), { statusCode: 404 });
  await assert.rejects(keys.createEcKey(name), { statusCode: 409 });
  assert.ok((await collect(keys.listDeletedKeys())).some((k) => k.name === name));
  assert.equal((await keys.getDeletedKey(name)).name, name);
  await (await keys.beginRecoverDeletedKey(name, quick)).pollUntilDone();
  await keys.getKey(name);
  await (await keys.beginDeleteKey(name, quick)).pollUntilDone();
  await keys.purgeDeletedKey(name);
  await assert.rejects(keys.getDeletedKey(name), { statusCode: 404 });
});

test("backup and restore", async () => {
  const name = unique("kept");
  const key = await keys.createRsaKey(name);
  const client = keys.getCryptographyClient(name);
  const { result: wrapped } = await client.wrapKey("RSA-OAEP-256", Buffer.from("0123456789abcdef"));
  const blob = await keys.backupKey(name);
  await assert.rejects(keys.restoreKeyBackup(blob), { statusCode: 409 });
  await (await keys.beginDeleteKey(name, quick)).pollUntilDone();
  await keys.purgeDeletedKey(name);
  const back = await keys.restoreKeyBackup(blob);
  assert.equal(back.properties.version, key.properties.version);
  const { result } = await new CryptographyClient(back.id, credential).unwrapKey("RSA-OAEP-256", wrapped);
  assert.equal(Buffer.from(result).toString(), "0123456789abcdef");
  await assert.rejects(keys.restoreKeyBackup(Buffer.from("nonsense")), { statusCode: 400 });
});

test("import", async () => {
  const { privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = Object.fromEntries(Object.entries(privateKey.export({ format: "jwk" })).map(([k, v]) => [k, k === "kty" ? v : Buffer.from(v, "base64url")]));
  const name = unique("import");
  const key = await keys.importKey(name, { ...jwk, keyOps: ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"] });
  const { result: signature } = await keys.getCryptographyClient(name).signData("RS256", Buffer.from("hello"));
  assert.ok(crypto.verify("sha256", Buffer.from("hello"), crypto.createPublicKey(privateKey), signature));
  assert.equal((await keys.importKey(unique("hsmimport"), jwk, { hardwareProtected: true })).keyType, "RSA-HSM");
  assert.ok(key.id);
});

test("rotate and rotation policy", async () => {
  const name = unique("turn");
  const key = await keys.createRsaKey(name);
  const policy = await keys.updateKeyRotationPolicy(name, {
    expiresIn: "P90D",
    lifetimeActions: [{ action: "Rotate", timeAfterCreate: "P60D" }],
  });
  assert.equal(policy.expiresIn, "P90D");
  assert.ok(policy.lifetimeActions.some((a) => a.action.toLowerCase() === "rotate" && a.timeAfterCreate === "P60D"));
  assert.equal((await keys.getKeyRotationPolicy(name)).expiresIn, "P90D");
  const next = await keys.rotateKey(name);
  assert.notEqual(next.properties.version, key.properties.version);
  const days = (next.properties.expiresOn.getTime() - Date.now()) / 86400_000;
  assert.ok(days > 89 && days < 91, `${days} days`);
});

test("encrypt, decrypt, wrap, unwrap, sign, verify: RSA and EC", async () => {
  const rsaKey = await keys.createRsaKey(unique("crypt"));
  const rsa = new CryptographyClient(rsaKey.id, credential);
  const plaintext = Buffer.from("the quick brown fox");
  for (const algorithm of ["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"]) {
    const { result: ciphertext } = await rsa.encrypt({ algorithm, plaintext });
    assert.deepEqual(Buffer.from((await rsa.decrypt({ algorithm, ciphertext })).result), plaintext);
    const { result: wrapped } = await rsa.wrapKey(algorithm, plaintext);
    assert.deepEqual(Buffer.from((await rsa.unwrapKey(algorithm, wrapped)).result), plaintext);
  }
  const hash = (bits) => crypto.createHash(`sha${bits}`).update(plaintext).digest();
  for (const algorithm of ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]) {
    const digest = hash(algorithm.slice(2));
    const { result: signature } = await rsa.sign(algorithm, digest);
    assert.equal((await rsa.verify(algorithm, digest, signature)).result, true);
    if (algorithm.startsWith("RS")) {
      // For PS* this client checks locally with the padding of RS* (4.10.2), so there it refuses good signatures; we ask node instead.
      assert.equal((await rsa.verifyData(algorithm, plaintext, signature)).result, true);
    } else {
      const jwk = { kty: "RSA", n: Buffer.from(rsaKey.key.n).toString("base64url"), e: Buffer.from(rsaKey.key.e).toString("base64url") };
      const key = crypto.createPublicKey({ key: jwk, format: "jwk" });
      assert.ok(crypto.verify(`sha${algorithm.slice(2)}`, plaintext, { key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING }, signature));
    }
    signature[0] ^= 1;
    assert.equal((await rsa.verify(algorithm, digest, signature)).result, false);
  }
  for (const [curve, algorithm] of [["P-256", "ES256"], ["P-384", "ES384"], ["P-521", "ES512"], ["P-256K", "ES256K"]]) {
    const ec = new CryptographyClient((await keys.createEcKey(unique("sign"), { curve })).id, credential);
    const digest = hash(algorithm === "ES256K" ? "256" : algorithm.slice(2));
    const { result: signature } = await ec.sign(algorithm, digest);
    assert.equal((await ec.verify(algorithm, digest, signature)).result, true);
  }
  await assert.rejects(rsa.sign("RS256", Buffer.from("short")), { statusCode: 400 });
});

test("Managed HSM: AES, random bytes, attestation", async () => {
  const key = await hsm.createOctKey(unique("aes"), { hsm: true, keySize: 256 });
  const aes = new CryptographyClient(key.id, credential);
  const plaintext = Buffer.from("thirty-two bytes of plain text!!");
  const gcm = await aes.encrypt({ algorithm: "A256GCM", plaintext, additionalAuthenticatedData: Buffer.from("bound") });
  const opened = await aes.decrypt({
    algorithm: "A256GCM", ciphertext: gcm.result, iv: gcm.iv, authenticationTag: gcm.authenticationTag, additionalAuthenticatedData: Buffer.from("bound"),
  });
  assert.deepEqual(Buffer.from(opened.result), plaintext);
  for (const algorithm of ["A256CBC", "A256CBCPAD"]) {
    const cbc = await aes.encrypt({ algorithm, plaintext, iv: crypto.randomBytes(16) });
    assert.deepEqual(Buffer.from((await aes.decrypt({ algorithm, ciphertext: cbc.result, iv: cbc.iv })).result), plaintext);
  }
  const { result: wrapped } = await aes.wrapKey("A256KW", plaintext);
  assert.deepEqual(Buffer.from((await aes.unwrapKey("A256KW", wrapped)).result), plaintext);
  assert.equal((await hsm.getRandomBytes(32)).length, 32);
  const name = unique("attest");
  await hsm.createRsaKey(name, { hsm: true });
  const attested = await hsm.getKeyAttestation(name);
  assert.ok(attested.properties.attestation, "no attestation");
});

test("release: refused without an exportable key", async () => {
  const name = unique("stay");
  await keys.createRsaKey(name);
  await assert.rejects(keys.releaseKey(name, "not.a.token"), (e) => e.statusCode === 400 || e.statusCode === 403);
});

test("a wrong secret is refused by name", async () => {
  const wrong = new ClientSecretCredential(process.env.AZURE_TENANT_ID, process.env.AZURE_CLIENT_ID, "wrong");
  await assert.rejects(new KeyClient(vaultUrl, wrong).getKey("ContosoRSAKey0"), /AADSTS7000215/);
});

test("managed identity over IMDS", { skip: !process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST && "no IMDS here" }, async () => {
  const mi = new ManagedIdentityCredential();
  const key = await new KeyClient(vaultUrl, mi).getKey("ContosoRSAKey0");
  assert.equal(key.name, "ContosoRSAKey0");
});

test("the connector's principal may wrap and unwrap, not create", async () => {
  const connector = new ClientSecretCredential(
    process.env.AZURE_TENANT_ID, process.env.LATCHKEY_CONNECTOR_CLIENT_ID, process.env.LATCHKEY_CONNECTOR_CLIENT_SECRET);
  const limited = new KeyClient(vaultUrl, connector);
  const key = await limited.getKey("ContosoRSAKey0");
  const client = new CryptographyClient(key.id, connector);
  const { result: wrapped } = await client.wrapKey("RSA-OAEP-256", Buffer.from("0123456789abcdef"));
  assert.equal(Buffer.from((await client.unwrapKey("RSA-OAEP-256", wrapped)).result).toString(), "0123456789abcdef");
  await assert.rejects(limited.createRsaKey(unique("no")), { statusCode: 403 });
});
