// Tries to get a private key out of a token: node export-attempts.ts MODULE TOKEN-LABEL PIN KEY-LABEL. Prints JSON.
import pkcs11 from "pkcs11js";

const [, , modulePath = "", tokenLabel = "", pin = "", keyLabel = ""] = process.argv;
const module = new pkcs11.PKCS11();
module.load(modulePath);
module.C_Initialize();
const slot = module
  .C_GetSlotList(true)
  .find((candidate) => module.C_GetTokenInfo(candidate).label.trim() === tokenLabel);
if (slot === undefined) throw new Error(`no token ${tokenLabel}`);
const session = module.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION);
module.C_Login(session, pkcs11.CKU_USER, pin);
module.C_FindObjectsInit(session, [
  { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY },
  { type: pkcs11.CKA_LABEL, value: keyLabel },
]);
const [key] = module.C_FindObjects(session, 1);
module.C_FindObjectsFinal(session);
if (key === undefined) throw new Error(`no key ${keyLabel}`);
const privateKey = key;

function outcomeOf(work: () => unknown): string {
  try {
    work();
    return "possible";
  } catch (error) {
    return (error as Error).message.replace(/:.*$/, "");
  }
}

function flag(type: number): boolean {
  return module.C_GetAttributeValue(session, privateKey, [{ type }])[0]?.value[0] === 1;
}

const wrappingKey = module.C_GenerateKey(session, { mechanism: pkcs11.CKM_AES_KEY_GEN }, [
  { type: pkcs11.CKA_VALUE_LEN, value: 32 },
  { type: pkcs11.CKA_WRAP, value: true },
  { type: pkcs11.CKA_TOKEN, value: false },
]);
const outcome = {
  value: outcomeOf(() => module.C_GetAttributeValue(session, privateKey, [{ type: pkcs11.CKA_PRIVATE_EXPONENT }])),
  wrapped: outcomeOf(() =>
    module.C_WrapKey(session, { mechanism: pkcs11.CKM_AES_KEY_WRAP_PAD }, wrappingKey, privateKey, Buffer.alloc(8192)),
  ),
  madeExtractable: outcomeOf(() =>
    module.C_SetAttributeValue(session, privateKey, [{ type: pkcs11.CKA_EXTRACTABLE, value: true }]),
  ),
  flags: {
    sensitive: flag(pkcs11.CKA_SENSITIVE),
    alwaysSensitive: flag(pkcs11.CKA_ALWAYS_SENSITIVE),
    extractable: flag(pkcs11.CKA_EXTRACTABLE),
    neverExtractable: flag(pkcs11.CKA_NEVER_EXTRACTABLE),
    decrypt: flag(pkcs11.CKA_DECRYPT),
    unwrap: flag(pkcs11.CKA_UNWRAP),
  },
};
process.stdout.write(JSON.stringify(outcome));
