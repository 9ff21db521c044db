import { createECDH, createPrivateKey, type KeyObject, sign } from "node:crypto";
import { encodeProtobuf } from "../../../services/shared/kubernetes/protobuf.ts";
import { element, sequence } from "./der.ts";

const CURVE = "prime256v1";
const COORDINATE_BYTES = 32;
/** AlgorithmIdentifier of a P-256 key and the head of its BIT STRING (RFC 5480); the point follows. */
const SPKI_HEAD = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
const ORGANIZATION = Buffer.from("060355040a", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");
const ECDSA_WITH_SHA256 = Buffer.from("300a06082a8648ce3d040302", "hex");
const VERSION_1 = Buffer.from("020100", "hex");

/** A request for a kubelet's client certificate, ready to be sent. */
export interface PreparedRequest {
  readonly commonName: string;
  readonly pem: string;
  readonly spkiDer: Buffer;
  /** The body that a kubelet POSTs. */
  readonly protobufBody: Buffer;
  /** The body of cfssl's sign endpoint. */
  readonly cfsslBody: Buffer;
  /** The body of the naive server. */
  readonly naiveBody: Buffer;
}

interface Key {
  readonly privateKey: KeyObject;
  readonly spkiDer: Buffer;
}

/** Prepared requests by number; each number has its own node name and its own key, as nodes have. */
export class RequestPool {
  readonly #requests: PreparedRequest[] = [];

  /** Makes the requests up to `count`; takes some 200 µs for each. */
  prepare(count: number): void {
    while (this.#requests.length < count) this.#requests.push(build(this.#requests.length));
  }

  /** Any number: beyond what was prepared they come round again. */
  at(index: number): PreparedRequest {
    const request = this.#requests[index % this.#requests.length];
    if (request === undefined) throw new Error("no requests were prepared");
    return request;
  }
}

function build(index: number): PreparedRequest {
  const { privateKey, spkiDer } = newKey();
  const commonName = `system:node:bench-${index}`;
  const subject = sequence(attribute(ORGANIZATION, "system:nodes"), attribute(COMMON_NAME, commonName));
  const info = sequence(VERSION_1, subject, spkiDer, element(0xa0));
  const signature = element(0x03, Buffer.from([0]), sign("sha256", info, privateKey));
  const base64 = sequence(info, ECDSA_WITH_SHA256, signature).toString("base64");
  const lines = base64.replace(/.{64}(?=.)/g, "$&\n");
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`;
  return {
    ...{ commonName, pem, spkiDer, protobufBody: kubeletBody(pem) },
    cfsslBody: Buffer.from(JSON.stringify({ certificate_request: pem })),
    naiveBody: Buffer.from(JSON.stringify({ csr: pem })),
  };
}

/** Twice as fast as `generateKeyPairSync`, which hands the key through two encodings. */
function newKey(): Key {
  const exchange = createECDH(CURVE);
  const point = exchange.generateKeys();
  const secret = exchange.getPrivateKey();
  const d = Buffer.concat([Buffer.alloc(COORDINATE_BYTES - secret.length), secret]).toString("base64url");
  const [x, y] = [point.subarray(1, 1 + COORDINATE_BYTES), point.subarray(1 + COORDINATE_BYTES)];
  const jwk = { kty: "EC", crv: "P-256", x: x.toString("base64url"), y: y.toString("base64url"), d };
  return { privateKey: createPrivateKey({ key: jwk, format: "jwk" }), spkiDer: Buffer.concat([SPKI_HEAD, point]) };
}

function attribute(type: Uint8Array, value: string): Buffer {
  return element(0x31, sequence(type, element(0x0c, Buffer.from(value))));
}

function kubeletBody(pem: string): Buffer {
  return encodeProtobuf({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { generateName: "csr-" },
    spec: {
      request: Buffer.from(pem).toString("base64"),
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      usages: ["digital signature", "client auth"],
    },
    status: {},
  });
}
