/**
 * The signature that RocketMQ servers with ACL or authentication switched on ask for.
 *
 * Source: RocketMQ 5.3.3 `acl.common.AclClientRPCHook`, `AclUtils.combineRequestContent` and `AclSigner`.
 */
import { createHmac } from "node:crypto"
import type { ExtFields } from "./RemotingCommand.ts"

/** Who signs. In RocketMQ 5 authentication `accessKey` is the user name and `secretKey` the password. */
export interface AclCredentials {
  readonly accessKey: string
  readonly secretKey: string
  /** For temporary credentials (STS). */
  readonly securityToken?: string | undefined
}

const accessKeyField = "AccessKey"
const securityTokenField = "SecurityToken"
const signatureField = "Signature"

/**
 * The text part of what is signed: the values, not the keys, of all ext fields but `Signature`, ordered by key in UTF-16
 * code units.
 */
export const signedText = (extFields: ExtFields): string => {
  let text = ""
  for (const key of Object.keys(extFields).sort()) {
    const value = extFields[key]
    if (key !== signatureField && value !== undefined && value !== null) {
      text += value
    }
  }
  return text
}

/**
 * Signs a request: `extFields` with `AccessKey`, `SecurityToken` (when there is one) and `Signature`, the base64
 * HMAC-SHA1 by the secret key of the values of all fields ordered by key, then the body. Fields of an earlier signature
 * are replaced. `extFields` itself is left as it is.
 *
 * Sign last: a field added or changed afterwards makes the signature wrong. Code, opaque and address are not signed.
 *
 * @returns a new record, without a prototype
 */
export const signRequest = (
  extFields: ExtFields,
  body: Uint8Array | undefined,
  credentials: AclCredentials
): ExtFields => {
  const signed: Record<string, string> = Object.create(null)
  for (const key of Object.keys(extFields)) {
    const value = extFields[key]
    if (value !== undefined && value !== null) {
      signed[key] = value
    }
  }
  delete signed[securityTokenField]
  delete signed[signatureField]
  signed[accessKeyField] = credentials.accessKey
  if (credentials.securityToken !== undefined) {
    signed[securityTokenField] = credentials.securityToken
  }
  const hmac = createHmac("sha1", credentials.secretKey).update(signedText(signed), "utf8")
  if (body !== undefined) {
    hmac.update(body)
  }
  signed[signatureField] = hmac.digest("base64")
  return signed
}
