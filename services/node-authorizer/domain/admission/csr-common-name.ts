const PEM = /-----BEGIN ([^\r\n]{1,64})-----[ \t]*\r?\n([A-Za-z0-9+/=\s]*)-----END ([^\r\n]{1,64})-----/;
const LABEL = "CERTIFICATE REQUEST";
/** More than any request of a kubelet; kube-apiserver's own limit on objects is larger. */
const MAX_CHARACTERS = 1_500_000;

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const PRINTABLE_STRING = 0x13;
const TELETEX_STRING = 0x14;
const IA5_STRING = 0x16;
const SEQUENCE = 0x30;
const SET = 0x31;

/** id-at-commonName, 2.5.4.3 */
const COMMON_NAME = "550403";

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/**
 * The common name in a certificate signing request's subject. Nothing else of the request is judged, not even its
 * signature: whoever signs does that.
 *
 * @param request - base64 of the PEM text, as `spec.request` has it.
 * @returns undefined when it is no PKCS #10 request in PEM, or has no common name, or more than one.
 * Source: RFC 2986 section 4.1; RFC 7468 section 7; kubernetes pkg/apis/certificates/helpers.go (ParseCSR).
 */
export function commonNameOf(request: string): string | undefined {
  if (request.length > MAX_CHARACTERS) return undefined;
  const pem = PEM.exec(latin1(decodeBase64(request)) ?? "");
  if (pem === null || pem[1] !== LABEL || pem[3] !== LABEL) return undefined;
  const der = decodeBase64((pem[2] ?? "").replaceAll(/\s/g, ""));
  const subject = der && subjectOf(der);
  const names = subject && commonNamesIn(subject);
  return names?.length === 1 ? names[0] : undefined;
}

/** CertificationRequest ::= SEQUENCE { info SEQUENCE { version, subject, key, [0] attributes }, algorithm, signature } */
function subjectOf(der: Uint8Array): Uint8Array | undefined {
  const [request, ...rest] = elementsOf(der) ?? [];
  if (request?.tag !== SEQUENCE || rest.length > 0) return undefined;
  const [info, algorithm, signature] = elementsOf(request.content) ?? [];
  if (info?.tag !== SEQUENCE || algorithm?.tag !== SEQUENCE || signature?.tag !== BIT_STRING) return undefined;
  const [version, subject, key] = elementsOf(info.content) ?? [];
  if (version?.tag !== INTEGER || subject?.tag !== SEQUENCE || key?.tag !== SEQUENCE) return undefined;
  return subject.content;
}

/** Name ::= SEQUENCE OF SET OF SEQUENCE { type OBJECT IDENTIFIER, value }; undefined when it is none. */
function commonNamesIn(subject: Uint8Array): readonly (string | undefined)[] | undefined {
  const names: (string | undefined)[] = [];
  for (const relative of elementsOf(subject) ?? [undefined]) {
    if (relative?.tag !== SET) return undefined;
    for (const attribute of elementsOf(relative.content) ?? [undefined]) {
      if (attribute?.tag !== SEQUENCE) return undefined;
      const [type, value] = elementsOf(attribute.content) ?? [];
      if (type?.tag !== OBJECT_IDENTIFIER || value === undefined) return undefined;
      if (hexOf(type.content) === COMMON_NAME) names.push(textOf(value));
    }
  }
  return names;
}

function textOf({ tag, content }: Element): string | undefined {
  if (tag === UTF8_STRING) return utf8(content);
  return tag === PRINTABLE_STRING || tag === IA5_STRING || tag === TELETEX_STRING ? latin1(content) : undefined;
}

/** The elements that follow each other in DER; undefined when they do not fill it exactly. */
function elementsOf(der: Uint8Array): readonly Element[] | undefined {
  const elements: Element[] = [];
  for (let position = 0; position < der.length; ) {
    const tag = der[position];
    let length = der[position + 1];
    let start = position + 2;
    // Tags of several bytes and lengths without end do not occur here.
    if (tag === undefined || (tag & 0x1f) === 0x1f || length === undefined || length === 0x80) return undefined;
    if (length > 0x80) {
      const bytes = length & 0x7f;
      if (bytes > 3 || start + bytes > der.length) return undefined;
      length = der.subarray(start, start + bytes).reduce((value, byte) => value * 256 + byte, 0);
      start += bytes;
    }
    if (start + length > der.length) return undefined;
    elements.push({ tag, content: der.subarray(start, start + length) });
    position = start + length;
  }
  return elements;
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function latin1(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder("latin1").decode(bytes);
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
