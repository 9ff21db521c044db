/** What a kubelet asks for; both encodings of the body are made from it. */
export interface RequestFields {
  /** One of the two is empty. */
  readonly name: string;
  readonly generateName: string;
  readonly requestPem: string;
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly expirationSeconds?: number;
}

const API_VERSION = "certificates.k8s.io/v1";
const KIND = "CertificateSigningRequest";

/** The body as clients write that speak JSON: with nulls and empty members, as Go's encoder leaves them. */
export function jsonBody({ name, generateName, requestPem, ...spec }: RequestFields): string {
  const metadata = { ...(name && { name }), ...(generateName && { generateName }), creationTimestamp: null };
  const request = Buffer.from(requestPem).toString("base64");
  return JSON.stringify({ apiVersion: API_VERSION, kind: KIND, metadata, spec: { ...spec, request }, status: {} });
}

/**
 * The body octet by octet as a kubelet writes it, with a writer of its own: unset strings and times are on the wire as
 * empty values, unset lists and pointers are not.
 *
 * Source: kubernetes staging/src/k8s.io/{api/certificates/v1,apimachinery/pkg/apis/meta/v1}/generated.pb.go.
 */
export function protobufBody(fields: RequestFields): Buffer {
  const { name, generateName, requestPem, signerName, usages, expirationSeconds } = fields;
  const metadata = Buffer.concat([
    ...[name, generateName, "", "", "", ""].map((value, index) => bytesField(index + 1, value)),
    varintField(7, 0),
    bytesField(8, ""),
  ]);
  const spec = Buffer.concat([
    bytesField(1, requestPem),
    bytesField(2, ""),
    bytesField(3, ""),
    ...usages.map((usage) => bytesField(5, usage)),
    bytesField(7, signerName),
    ...(expirationSeconds === undefined ? [] : [varintField(8, expirationSeconds)]),
  ]);
  const object = Buffer.concat([bytesField(1, metadata), bytesField(2, spec), bytesField(3, "")]);
  const typeMeta = Buffer.concat([bytesField(1, API_VERSION), bytesField(2, KIND)]);
  const unknown = [bytesField(1, typeMeta), bytesField(2, object), bytesField(3, ""), bytesField(4, "")];
  return Buffer.concat([Buffer.from("k8s\0", "latin1"), ...unknown]);
}

function bytesField(number: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)]);
}

function varint(value: number): Buffer {
  const octets: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push((rest & 0x7f) | 0x80);
  return Buffer.from([...octets, rest]);
}
