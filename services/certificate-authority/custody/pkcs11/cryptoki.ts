import type { PKCS11 } from "pkcs11js";
import type { TokenAddress } from "./messages.ts";
import { TokenFailure, toTokenFailure } from "./token-failure.ts";

const OS_LOCKING = 2;
const ALREADY_INITIALIZED = "CKR_CRYPTOKI_ALREADY_INITIALIZED";
const TOKEN_INITIALIZED = 0x400;

/** A slot with a token in it. */
export interface FoundToken {
  readonly slot: Buffer;
  /** CK_TOKEN_INFO.flags. */
  readonly flags: number;
}

/**
 * Loads the optional package and a module with it.
 *
 * @throws {TokenFailure} refused, with the way out, when either is not there.
 */
export async function loadModule(path: string): Promise<PKCS11> {
  const { PKCS11 } = await loadPackage();
  const module = new PKCS11();
  try {
    module.load(path);
    return module;
  } catch (cause) {
    const { message } = cause as Error;
    throw new TokenFailure("refused", `the PKCS #11 module ${path} cannot be loaded: ${message}`, { cause });
  }
}

async function loadPackage(): Promise<typeof import("pkcs11js")> {
  try {
    return (await import("pkcs11js")).default;
  } catch (cause) {
    throw new TokenFailure(
      "refused",
      "keys in tokens need the optional package pkcs11js, which is not installed or not built; with a C++ compiler and Node's " +
        "headers at hand run: npm install --include=optional && npm rebuild pkcs11js",
      { cause },
    );
  }
}

/** Who initialised the module first does not matter: the process has it once. */
export function initialize(module: PKCS11): void {
  try {
    module.C_Initialize({ flags: OS_LOCKING });
  } catch (error) {
    const failure = toTokenFailure(error);
    if (!failure.message.includes(ALREADY_INITIALIZED)) throw failure;
  }
}

/** Makes the module look at its slots anew, as some do only then. Ends every session of the process. */
export function initializeAgain(module: PKCS11): void {
  try {
    module.C_Finalize();
  } catch {
    // It was not initialised, or its devices are gone: what counts is whether it can be initialised now.
  }
  initialize(module);
}

/**
 * Finds the one token of that address.
 *
 * @throws {TokenFailure} lost when there is none now, naming those that there are; refused when there are several.
 */
export function findToken(module: PKCS11, address: TokenAddress): FoundToken {
  const tokens = readTokens(module);
  const [found, ...more] = tokens.filter((token) => isAt(token, address));
  if (found !== undefined && more.length === 0) return found;
  if (found !== undefined) {
    const serials = [found, ...more].map(({ serial }) => serial).join(", ");
    throw new TokenFailure(
      "refused",
      `${more.length + 1} tokens have ${nameOf(address)}; name one by its serial: ${serials}`,
    );
  }
  const present = tokens.map(({ label, serial, slotId }) => `"${label}" (serial ${serial}, slot ${slotId})`).join(", ");
  throw new TokenFailure("lost", `there is no token with ${nameOf(address)}; the module shows: ${present || "none"}`);
}

interface ReadToken extends FoundToken {
  readonly slotId: number;
  readonly label: string;
  readonly serial: string;
}

function readTokens(module: PKCS11): readonly ReadToken[] {
  const slots = module.C_GetSlotList(true);
  return slots.flatMap((slot) => {
    try {
      const { label, serialNumber, flags } = module.C_GetTokenInfo(slot);
      const slotId = slot.readUIntLE(0, Math.min(slot.length, 6));
      if ((flags & TOKEN_INITIALIZED) === 0) return [];
      return [{ slot, slotId, flags, label: label.trim(), serial: serialNumber.trim() }];
    } catch {
      // A token that was pulled out between the two calls is not there.
      return [];
    }
  });
}

function isAt({ label, serial, slotId }: ReadToken, { tokenLabel, serial: wanted, slot }: TokenAddress): boolean {
  return (
    (tokenLabel === undefined || tokenLabel === label) &&
    (wanted === undefined || wanted === serial) &&
    (slot === undefined || slot === slotId)
  );
}

function nameOf({ tokenLabel, serial, slot }: TokenAddress): string {
  const parts = [
    tokenLabel === undefined ? undefined : `the label "${tokenLabel}"`,
    serial === undefined ? undefined : `the serial ${serial}`,
    slot === undefined ? undefined : `the slot ${slot}`,
  ];
  return parts.filter((part) => part !== undefined).join(" and ");
}
