// Asks the public SDKs. One JSON object a line in, {ask, ...}; one a line out, {said} or {fault}.
// The SDKs live in the folder that the first argument names. Nothing here reaches a network: what an SDK
// would send is kept and shown, and what it is answered stands in the question.

import { createRequire } from 'node:module'
import net from 'node:net'
import readline from 'node:readline'

const require = createRequire(`${process.argv[2]}/`)
console.log = console.error // the answers alone go to stdout
net.Socket.prototype.connect = () => {
  throw new Error('an SDK tried to reach the network')
}

const { VNPay } = require('vnpay')
const vnpayUtils = require('vnpay/utils')
const { PayOS } = require('@payos/node')
const { SePayPgClient } = require('sepay-pg-node')
const axios = createRequire(require.resolve('sepay-pg-node'))('axios')
const { OnePayDomestic } = require('vn-payments')
const { QRPay } = require('vietnam-qr-pay')

let sent = null
let answer = '{}'
globalThis.fetch = async (url, { method, headers, body }) => {
  sent = { method, url: String(url), headers, body: body ?? '' }
  return new Response(answer, { status: 200, headers: { 'content-type': 'application/json' } })
}
axios.defaults.adapter = async (config) => {
  const { method, url, headers, data } = config
  sent = { method: method.toUpperCase(), url, headers: { ...headers }, body: data ?? '' }
  return { data: JSON.parse(answer), status: 200, statusText: 'OK', headers: {}, config }
}

/** What a call sends, what the SDK makes of the answer, or why it throws that answer away. */
async function called(given, call) {
  sent = null
  answer = given ?? '{}'
  try {
    const result = await call()
    return { sent, result }
  } catch (error) {
    return { sent, refused: error.constructor.name }
  }
}

const fields = (query) => Object.fromEntries(new URLSearchParams(query))
const payos = (config) => new PayOS({ ...config, maxRetries: 0 })

const judges = {
  'vnpay.pay': ({ config, order }) => new VNPay(config).buildPaymentUrl(order),
  'vnpay.sign': ({ config, result }) => {
    const data = vnpayUtils.buildPaymentUrlSearchParams(result).toString()
    const { secureSecret } = config
    const hash = vnpayUtils.calculateSecureHash({
      secureSecret, data, hashAlgorithm: 'SHA512', bufferEncode: 'utf-8',
    })
    return `${data}&vnp_SecureHash=${hash}`
  },
  'vnpay.ipn': ({ config, query }) => new VNPay(config).verifyIpnCall(fields(query)),
  'vnpay.return': ({ config, query }) => new VNPay(config).verifyReturnUrl(fields(query)),
  'vnpay.call': ({ config, command, call, answer }) =>
    called(answer, () => new VNPay(config)[command](call)),

  'payos.create': ({ config, order, answer }) =>
    called(answer, () => payos(config).paymentRequests.create(order)),
  'payos.get': ({ config, id, answer }) =>
    called(answer, () => payos(config).paymentRequests.get(id)),
  'payos.cancel': ({ config, id, reason, answer }) =>
    called(answer, () => payos(config).paymentRequests.cancel(id, reason)),
  'payos.confirm': ({ config, url, answer }) =>
    called(answer, () => payos(config).webhooks.confirm(url)),
  'payos.webhook': ({ config, body }) =>
    called(null, () => payos(config).webhooks.verify(JSON.parse(body))),
  'payos.sign': ({ config, data }) =>
    payos(config).crypto.createSignatureFromObj(data, config.checksumKey),
  'payos.payout': ({ config, data }) =>
    payos(config).crypto.createSignature(config.checksumKey, data),

  'sepay.form': ({ config, form }) => {
    const { checkout } = new SePayPgClient(config)
    return { url: checkout.initCheckoutUrl(), fields: checkout.initOneTimePaymentFields(form) }
  },
  'sepay.sign': ({ config, form }) => new SePayPgClient(config).checkout.signFields(form),
  'sepay.retrieve': ({ config, number, answer }) =>
    called(answer, () => new SePayPgClient(config).order.retrieve(number).then((r) => r.data)),
  'sepay.cancel': ({ config, number, answer }) =>
    called(answer, () => new SePayPgClient(config).order.cancel(number).then((r) => r.data)),

  'onepay.pay': async ({ config, order }) =>
    (await new OnePayDomestic(config).buildCheckoutUrl(order)).href,
  'onepay.return': ({ config, query }) => new OnePayDomestic(config).verifyReturnUrl(fields(query)),

  'vietqr.build': ({ code, bill }) => {
    const qr = QRPay.initVietQR(code)
    qr.additionalData.billNumber = bill
    return qr.build()
  },
  'vietqr.read': ({ payload }) => new QRPay(payload),
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { ask, ...question } = JSON.parse(line)
  let reply
  try {
    reply = { said: await judges[ask](question) }
  } catch (error) {
    reply = { fault: String(error?.stack ?? error) }
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`)
}
