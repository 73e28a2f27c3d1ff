import java.nio.file.*;
import java.sql.*;
/** A shop by JDBC, on the server that PGHOST, PGPORT, PGUSER and PGPASSWORD name. */
public class Shop {
    static Connection connect(String database) throws SQLException {
        String server = System.getenv("PGHOST") + ":" + System.getenv("PGPORT");
        return DriverManager.getConnection("jdbc:postgresql://" + server + "/" + database
            + "?stringtype=unspecified", System.getenv("PGUSER"), System.getenv("PGPASSWORD"));
    }
    static ResultSet query(Connection db, String text, Object... values) throws SQLException {
        PreparedStatement statement = db.prepareStatement(text);
        statement.closeOnCompletion();                                  // with its result
        for (int i = 0; i < values.length; i++) statement.setObject(i + 1, values[i]);
        return statement.execute() ? statement.getResultSet() : null;
    }
    static int append(Connection db, String order, int expected, String event) throws SQLException {
        ResultSet row = query(db, "SELECT goes_append_json('order', ?, ?, expected_version => ?)",
            order, event, expected);
        row.next();
        return row.getInt(1);
    }
    static void count(Connection db, String done, String text) throws SQLException {
        int all = 0, before = -1;
        for (ResultSet page; all > before; )                            // until a page is empty
            for (page = query(db, text), before = all; page.next(); all++);
        System.out.println(done + ": " + all + " events");
    }
    public static void main(String[] arguments) throws Exception {
        query(connect("postgres"), "CREATE DATABASE shop_jdbc");
        Connection db = connect("shop_jdbc");
        db.createStatement().execute(Files.readString(Path.of("../shop.sql")));  // makes the store
        String order = "019a0000-0000-7000-8000-000000000001", paid = "{\"name\": \"order.paid\"}";
        System.out.println("appended: version " + append(db, order, 0, "{\"name\": \"order.placed\"}"));
        try {
            append(db, order, 0, paid);   // what we believe, though it is not so
        } catch (org.postgresql.util.PSQLException error) {
            if (!"VE001".equals(error.getSQLState())) throw error;
            String detail = error.getServerErrorMessage().getDetail();    // JSON, for your library
            int version = Integer.parseInt(detail.replaceAll(".*\"current_version\": (\\d+).*", "$1"));
            System.out.println("conflict: the order is at version " + version);      // decide anew
            append(db, order, version, paid);
        }
        ResultSet row = query(db, "SELECT * FROM goes_history('order', ?)", order);
        while (row.next())
            System.out.printf("history: %d %s%n", row.getInt(6), row.getString("name"));
        db.setAutoCommit(false);
        query(db, "SELECT goes_query_cursor(names => '{page.viewed}', portal => 'views')");
        count(db, "streamed", "FETCH 1000 FROM views");
        db.setAutoCommit(true);
        count(db, "followed", Files.readString(Path.of("../follow.sql")));  // a real reader: for ever
        row = query(db, "SELECT * FROM goes_claim('mails', 'worker 1', 100)");
        int worked = 0;                         // a real worker goes on for ever
        for (; row.next(); worked++)            // the effects and goes_done, both or neither
            query(db, "WITH mail AS (INSERT INTO mails VALUES (?) RETURNING position) "
                + "SELECT goes_done('mails', ?, ?, done => ARRAY[position]) FROM mail",
                row.getLong("position"), row.getInt("partition"), row.getLong("epoch"));
        System.out.println("worked: " + worked + " events");
        query(connect("postgres"), "DROP DATABASE shop_jdbc WITH (FORCE)");
    }
}
