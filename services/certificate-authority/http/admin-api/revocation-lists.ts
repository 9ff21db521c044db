import { z } from "zod";
import { StatusError } from "../../../shared/status-error.ts";
import type { RevocationList, RevocationLists } from "../../issuance/revocation-lists.ts";
import type { Handler } from "../call.ts";
import { negotiate, PEM_TYPE } from "../negotiation.ts";
import { pemOf } from "./pem.ts";
import { sendTagged } from "./tagged-answer.ts";
import { pathParameter, readQuery } from "./validation.ts";

/** Source: RFC 5280 section 4.2.1.13 and RFC 2585 section 4.2. */
export const CRL_TYPE = "application/pkix-crl";

export interface RevocationListHandlerDependencies {
  readonly revocationLists: RevocationLists;
}

/** Anybody may read CRLs: they are signed, and tell nothing but serials. */
export function revocationListHandler({ revocationLists }: RevocationListHandlerDependencies): Handler {
  let pem: { readonly of: RevocationList; readonly bytes: Buffer } | undefined;
  return async (call) => {
    readQuery(z.strictObject({}), call.query);
    const type = negotiate(call.request.headers.accept, [CRL_TYPE, PEM_TYPE]);
    const issuerId = pathParameter(call, 1).toLowerCase();
    if (!/^[0-9a-f]{64}$/.test(issuerId)) {
      throw new StatusError("BadRequest", "a CRL is named by the id of its issuer, 64 hexadecimal digits");
    }
    const list = await revocationLists.current(issuerId);
    const tag = `${list.number}${type === PEM_TYPE ? "-pem" : ""}`;
    const { der } = list;
    if (type === CRL_TYPE) {
      sendTagged(call, type, Buffer.from(der.buffer, der.byteOffset, der.length), tag);
      return;
    }
    if (pem?.of !== list) pem = { of: list, bytes: Buffer.from(pemOf("X509 CRL", der)) };
    sendTagged(call, type, pem.bytes, tag);
  };
}
