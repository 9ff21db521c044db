// Makes a P-256 key in a token: node make-key.ts MODULE TOKEN-LABEL PIN KEY-LABEL [extractable].
import pkcs11 from "pkcs11js";

const P256 = Buffer.from("06082a8648ce3d030107", "hex");

const [, , modulePath = "", tokenLabel = "", pin = "", keyLabel = "", kind = ""] = process.argv;
const module = new pkcs11.PKCS11();
module.load(modulePath);
module.C_Initialize();
const slot = module
  .C_GetSlotList(true)
  .find((candidate) => module.C_GetTokenInfo(candidate).label.trim() === tokenLabel);
if (slot === undefined) throw new Error(`no token ${tokenLabel}`);
const session = module.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION);
module.C_Login(session, pkcs11.CKU_USER, pin);
const identity = [
  { type: pkcs11.CKA_TOKEN, value: true },
  { type: pkcs11.CKA_LABEL, value: keyLabel },
  { type: pkcs11.CKA_ID, value: Buffer.from("e1", "hex") },
];
module.C_GenerateKeyPair(
  session,
  { mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN },
  [...identity, { type: pkcs11.CKA_EC_PARAMS, value: P256 }],
  [
    ...identity,
    { type: pkcs11.CKA_SIGN, value: true },
    { type: pkcs11.CKA_SENSITIVE, value: true },
    { type: pkcs11.CKA_EXTRACTABLE, value: kind === "extractable" },
  ],
);
