internal import Store
internal import System

/// Whose request each ticket of the store is: the connections' tokens, by the tickets' numbers.
struct WaitingTable {
    private var tokens: [Token] = []

    mutating func add(_ ticket: TicketID, _ token: Token) {
        while tokens.count <= Int(ticket.number) { tokens.append(Token(bits: 0)) }
        tokens[Int(ticket.number)] = token
    }

    /// The connection that waits with a ticket; each ticket is asked for once.
    func token(_ ticket: TicketID) -> Token { tokens[Int(ticket.number)] }
}
