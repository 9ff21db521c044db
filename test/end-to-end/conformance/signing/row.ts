import type { CsrArguments } from "../../../builders/csr.ts";

/** A request that an administrator approves, on both servers. */
export interface SigningRow {
  readonly name: string;
  readonly signer: string;
  readonly usages: readonly string[];
  readonly expirationSeconds?: number;
  /** Default: what a kubelet's first request looks like. */
  readonly csr?: CsrArguments;
}
