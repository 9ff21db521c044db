import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import protobuf from "protobufjs";

/** The protocol as Kubernetes defines it. Source: kubernetes staging/src/k8s.io/kms/apis/v2/api.proto. */
const { root } = protobuf.parse(
  `syntax = "proto3";
   package v2;
   message StatusRequest {}
   message StatusResponse { string version = 1; string healthz = 2; string key_id = 3; }
   message DecryptRequest { bytes ciphertext = 1; string uid = 2; string key_id = 3; map<string, bytes> annotations = 4; }
   message DecryptResponse { bytes plaintext = 1; }
   message EncryptRequest { bytes plaintext = 1; string uid = 2; }
   message EncryptResponse { bytes ciphertext = 1; string key_id = 2; map<string, bytes> annotations = 3; }`,
  { keepCase: true },
);

type Message = Record<string, unknown>;

const METHODS = ["Status", "Encrypt", "Decrypt"] as const;
type Method = (typeof METHODS)[number];

const SERVICE: ServiceDefinition = Object.fromEntries(METHODS.map((name) => [name, methodOf(name)]));

function methodOf(name: Method) {
  const [request, response] = [root.lookupType(`v2.${name}Request`), root.lookupType(`v2.${name}Response`)];
  return {
    path: `/v2.KeyManagementService/${name}`,
    requestStream: false as const,
    responseStream: false as const,
    requestSerialize: (value: Message) => Buffer.from(request.encode(value).finish()),
    requestDeserialize: (bytes: Buffer) => request.toObject(request.decode(bytes), { defaults: true }),
    responseSerialize: (value: Message) => Buffer.from(response.encode(value).finish()),
    responseDeserialize: (bytes: Buffer) => response.toObject(response.decode(bytes)),
  };
}

const TAG_LENGTH = 16;
const NONCE_LENGTH = 12;
const ANNOTATION = "wrapped-by.fake.gatehouse.dev";

/**
 * A key management service that speaks Kubernetes' KMS v2 over a Unix socket. Its keys outlive `stop`; each ciphertext
 * opens only with the key_id and the annotation that came with it.
 */
export class FakeKmsPlugin {
  readonly endpoint: string;
  /** What each call was for, oldest first. */
  readonly calls: Method[] = [];
  version = "v2";
  healthz = "ok";
  /** Laid over what `Encrypt` answers. */
  encryptOverrides: Message = {};
  /** A call that was received gets no answer. */
  isSilent = false;
  readonly #address: string;
  readonly #keys = new Map<string, Buffer>();
  #keyId = "";
  #server: Server | undefined;

  /** @param socket - a path, or `@name` for an abstract socket. */
  constructor(socket: string) {
    this.endpoint = socket.startsWith("@") ? `unix:///${socket}` : `unix://${socket}`;
    this.#address = socket.startsWith("@") ? `unix:\0${socket.slice(1)}` : `unix://${socket}`;
    this.rotate("key-1");
  }

  get keyId(): string {
    return this.#keyId;
  }

  /** Encrypts with a new key from now on. */
  rotate(keyId: string): void {
    this.#keys.set(keyId, randomBytes(32));
    this.#keyId = keyId;
  }

  /** Takes a key away for ever. */
  destroy(keyId: string): void {
    this.#keys.delete(keyId);
  }

  async start(): Promise<void> {
    const server = new Server();
    server.addService(SERVICE, this.#implementation());
    await new Promise<void>((resolve, reject) => {
      const credentials = ServerCredentials.createInsecure();
      server.bindAsync(this.#address, credentials, (error) => (error === null ? resolve() : reject(error)));
    });
    this.#server = server;
  }

  /** Ends at once, as a process that was killed; its socket is gone. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  #implementation(): UntypedServiceImplementation {
    return {
      Status: this.#answer("Status", () => ({ version: this.version, healthz: this.healthz, key_id: this.#keyId })),
      Encrypt: this.#answer("Encrypt", (request) => this.#encrypt(request["plaintext"] as Buffer)),
      Decrypt: this.#answer("Decrypt", (request) => this.#decrypt(request)),
    };
  }

  #answer(method: Method, work: (request: Message) => Message | undefined): handleUnaryCall<Message, Message> {
    return ({ request }, done) => {
      this.calls.push(method);
      if (this.isSilent) return;
      const response = work(request);
      if (response === undefined)
        done({ code: status.INVALID_ARGUMENT, details: "no such key, or not its ciphertext" });
      else done(null, response);
    };
  }

  #encrypt(plaintext: Buffer): Message {
    const nonce = randomBytes(NONCE_LENGTH);
    const cipher = createCipheriv("aes-256-gcm", this.#key(this.#keyId), nonce);
    const ciphertext = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    const annotations = { [ANNOTATION]: Buffer.from(this.#keyId) };
    return { ciphertext, key_id: this.#keyId, annotations, ...this.encryptOverrides };
  }

  #decrypt({ ciphertext, key_id: keyId, annotations }: Message): Message | undefined {
    const sealed = ciphertext as Buffer;
    const annotation = (annotations as Record<string, Buffer>)[ANNOTATION]?.toString();
    if (annotation !== keyId || !this.#keys.has(String(keyId))) return undefined;
    const decipher = createDecipheriv("aes-256-gcm", this.#key(String(keyId)), sealed.subarray(0, NONCE_LENGTH));
    decipher.setAuthTag(sealed.subarray(-TAG_LENGTH));
    try {
      return {
        plaintext: Buffer.concat([decipher.update(sealed.subarray(NONCE_LENGTH, -TAG_LENGTH)), decipher.final()]),
      };
    } catch {
      return undefined;
    }
  }

  #key(keyId: string): Buffer {
    const key = this.#keys.get(keyId);
    if (key === undefined) throw new Error(`no key ${keyId}`);
    return key;
  }
}
