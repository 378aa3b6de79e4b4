package websocket

// The tests are a package of their own, which a server for tests may import.
const CloseGoingAway = closeGoingAway
const CloseTime = closeTime

type Conn = webSocket

const MaxMessage = maxMessage
const MessageTime = messageTime
const OpBinary = opBinary
const OpClose = opClose
const OpContinuation = opContinuation
const OpPing = opPing
const OpPong = opPong
const OpText = opText

var SameHost = sameHost

const WebSocketIdle = webSocketIdle
