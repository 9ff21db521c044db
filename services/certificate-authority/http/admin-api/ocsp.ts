import { StatusError } from "../../../shared/status-error.ts";
import type { OcspReply, OcspResponder } from "../../issuance/ocsp.ts";
import { type Call, type Handler, sendBytes } from "../call.ts";

/** Source: RFC 6960 appendix C. */
export const OCSP_REQUEST_TYPE = "application/ocsp-request";
export const OCSP_RESPONSE_TYPE = "application/ocsp-response";

const PREFIX = "/v1/ocsp/";
/** Twice what we read; what is longer is not even looked at. */
const MAXIMUM_PATH = 48 * 1024;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const NOTHING = new Uint8Array();

export interface OcspHandlerDependencies {
  /** Undefined when OCSP is not configured. */
  readonly ocsp: OcspResponder | undefined;
}

/** Anybody may ask: answers are signed, and tell of one serial at a time. */
export function ocspHandlers({ ocsp }: OcspHandlerDependencies): { readonly get: Handler; readonly post: Handler } {
  function responder(): OcspResponder {
    if (ocsp !== undefined) return ocsp;
    throw new StatusError("NotFound", "OCSP is not answered here: revocation.ocsp is not configured");
  }

  return {
    /** Source: RFC 6960 appendix A.1: base64, percent-encoded. */
    async get(call) {
      send(call, await responder().answer(requestIn(call.path)), true);
    },
    async post(call) {
      const answering = responder();
      const type = call.request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
      if (type !== OCSP_REQUEST_TYPE) {
        throw new StatusError("UnsupportedMediaType", `send ${OCSP_REQUEST_TYPE}`);
      }
      send(call, await answering.answer(await call.readBody()), false);
    },
  };
}

/** No octets for what is no base64; that is answered as any other malformed request. */
function requestIn(path: string): Uint8Array {
  if (path.length > MAXIMUM_PATH) return NOTHING;
  try {
    const text = decodeURIComponent(path.slice(PREFIX.length));
    return BASE64.test(text) ? Buffer.from(text, "base64") : NOTHING;
  } catch {
    return NOTHING;
  }
}

/** Only answers to GET are kept by caches. Source: RFC 5019 section 6.2. */
function send({ response }: Call, { der, keptUntil, thisUpdate }: OcspReply, isGet: boolean): void {
  if (isGet && keptUntil !== undefined && thisUpdate !== undefined) {
    const seconds = Math.floor((keptUntil.getTime() - thisUpdate.getTime()) / 1000);
    response.setHeader("cache-control", `max-age=${seconds}, public, no-transform, must-revalidate`);
    response.setHeader("expires", keptUntil.toUTCString());
    response.setHeader("last-modified", thisUpdate.toUTCString());
  }
  sendBytes(response, 200, OCSP_RESPONSE_TYPE, Buffer.from(der.buffer, der.byteOffset, der.length));
}
