import type { ClassicalAlgorithm } from "../../domain/issuer.ts";
import type { SignatureDigest } from "../../domain/remote-key.ts";

/** How a token is found among those that a module shows: by what is given of these. */
export interface TokenAddress {
  /** What the configuration calls it; unique. */
  readonly name: string;
  readonly tokenLabel?: string | undefined;
  readonly serial?: string | undefined;
  /** The slot's id, as the module numbers it. */
  readonly slot?: number | undefined;
}

/** What the thread of a module is asked. All but `connect` and `disconnect` need a session. */
export type TokenOperation =
  /** Opens a session of its own in place of the last one, and logs in once. */
  | { readonly kind: "connect"; readonly token: TokenAddress; readonly pin: string }
  /** Ends the session, and with the last one of the process the login. */
  | { readonly kind: "disconnect"; readonly token: string }
  | { readonly kind: "check"; readonly token: string }
  | { readonly kind: "findKey"; readonly token: string; readonly keyLabel: string }
  | {
      readonly kind: "makeKey";
      readonly token: string;
      readonly keyLabel: string;
      readonly algorithm: ClassicalAlgorithm;
    }
  | {
      readonly kind: "sign";
      readonly token: string;
      readonly keyLabel: string;
      readonly digest: SignatureDigest;
      readonly data: Uint8Array;
    };

/** A key pair inside a token. */
export interface TokenKeyFacts {
  /** SubjectPublicKeyInfo, DER. */
  readonly spkiDer: Uint8Array;
}

/**
 * `lost`: the session, the token or the module went away; connecting again may help. `pinRefused`: it must not be tried
 * again with this PIN. `refused`: something that only an administrator can change.
 */
export type TokenFailureKind = "lost" | "pinRefused" | "refused";

/** What comes back; errors lose their class on the way, so that they travel as data. */
export type TokenAnswer =
  | { readonly kind: "connected" }
  | { readonly kind: "well" }
  | { readonly kind: "key"; readonly key: TokenKeyFacts | undefined }
  /** ECDSA signatures are r and s side by side, each as long as the curve's order. */
  | { readonly kind: "signed"; readonly signature: Uint8Array }
  | { readonly kind: "failed"; readonly failure: TokenFailureKind; readonly message: string };
